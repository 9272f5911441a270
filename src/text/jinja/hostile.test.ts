import { expect, test } from "vitest";
import { FormatError, RequestError } from "../../util/errors.ts";
import { Template } from "./template.ts";

const many = (text: string, count: number): string => text.repeat(count);
const doubling = (step: string, start: string): string =>
  `{% set ns = namespace(s=${start}) %}{% for i in range(99999) %}{% set ns.s = ${step} %}{% endfor %}{{ ns.s }}`;
const nest = "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}";
const deep = "{% set ns = namespace(s=[]) %}{% for i in range(9000) %}{% set ns.s = [ns.s] %}{% endfor %}";

/** What ends a template: its steps, the bytes that it builds, levels of one in another, or a rule about a value. */
const ends = {
  steps: /takes more than \d+ steps/,
  bytes: /builds more than \d+ bytes/,
  levels: /more than \d+ calls, blocks or values are inside of each other/,
  digits: /an integer takes more than \d+ bits/,
  any: /takes more than|builds more than/,
};

test.each<readonly [name: string, source: string, message: RegExp]>([
  ["nested loops", "{% for i in range(3000) %}{% for j in range(3000) %}{% endfor %}{% endfor %}", ends.steps],
  ["a long range", "{% for i in range(1000000000) %}{% endfor %}", /range\(\) has 1000000000 elements/],
  ["doubling by ~", doubling("ns.s ~ ns.s", "'ab'"), ends.any],
  ["doubling by +", doubling("ns.s + ns.s", "'😀'"), ends.any],
  ["doubling a list", doubling("ns.s + ns.s", "[1]"), ends.any],
  ["doubling by replace", doubling("ns.s | replace('a', 'aa')", "'a'"), ends.any],
  ["doubling by blocks", "{% set s = 'ab' %}" + many("{% set s %}{{ s }}{{ s }}{% endset %}", 60), ends.any],
  ["a list that unfolds when printed", `${nest}{{ ns.s }}`, ends.any],
  ["a list that unfolds as JSON", `${nest}{{ ns.s | tojson }}`, ends.any],
  ["a list that unfolds when compared", `${nest}${nest.replaceAll("ns", "nt")}{{ ns.s == nt.s }}`, ends.steps],
  ["a list that unfolds when sorted", `${nest}${nest.replaceAll("ns", "nt")}{{ [ns.s, nt.s] | sort }}`, ends.steps],
  ["a deep list, printed", `${deep}{{ ns.s }}`, ends.levels],
  ["a deep list as JSON", `${deep}{{ ns.s | tojson }}`, ends.levels],
  ["a namespace in itself, printed", "{% set ns = namespace() %}{% set ns.x = [ns] %}{{ ns }}", ends.levels],
  ["a namespace in itself as JSON", "{% set ns = namespace() %}{% set ns.x = [ns] %}{{ ns.x | tojson }}", /Namespace/],
  ["recursion of a macro", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", ends.levels],
  ["recursion of a default", "{% macro f(x=f()) %}{% endmacro %}{{ f() }}", ends.levels],
  ["recursion of a loop", "{% for x in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}", ends.levels],
  [
    "macros that call twice",
    "{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(50) }}",
    ends.steps,
  ],
  ["filters over filters", doubling("ns.s | map('string')", "range(9)").replace("ns.s }}", "ns.s | list }}"), ends.any],
  ["conditions without else", `{{ 1${many(" if 1", 20_000)} }}`, ends.levels],
  ["a wide format", "{{ '%1000000000d' % 5 }}", ends.any],
  ["a wide field", "{{ '{:1000000000}'.format(5) }}", ends.any],
  ["a precise format", "{{ '%.1000000000f' % 5 }}", /precision of 1000000000/],
  ["center", "{{ 'x' | center(1000000000) }}", ends.any],
  ["indent", "{{ 'x\\ny' | indent(1000000000) }}", ends.any],
  ["tabs", "{{ '\\t'.expandtabs(1000000000) }}", ends.any],
  ["repetition", "{{ 'x' * 1000000000000 }}", ends.any],
  ["repetition of a list", "{{ [1] * 1000000000000 }}", ends.any],
  ["a power", "{{ 2 ** 1000000000000 }}", ends.digits],
  ["powers", doubling("ns.s * ns.s", "3"), ends.digits],
  ["long integers, printed", "{% set x = 10 ** 4290 %}{% for i in range(99999) %}{{ x }}{% endfor %}", ends.any],
  ["replacing all", "{{ ('a' * 100000) | replace('a', 'b' * 100000) }}", ends.any],
  ["splitting", "{% set s = 'a' * 1000000 %}{% for i in range(999) %}{% set x = s.split('a') %}{% endfor %}", ends.any],
  [
    "a search with no end",
    "{% set s = 'ab' * 90000 %}{% set p = 'ab' * 500 ~ 'b' ~ 'ab' * 500 %}{% for i in range(999) %}{{ s.find(p) }}{% endfor %}",
    ends.steps,
  ],
  ["sorting", "{% set l = range(99999) | list %}{% for i in range(99) %}{% set x = l | sort %}{% endfor %}", ends.any],
  ["grouping", "{% for i in range(99) %}{% set x = range(99999) | map('string') | groupby(0) %}{% endfor %}", ends.any],
  ["wrapping", "{{ ('a' * 1000000) | wordwrap(1) }}", ends.any],
  ["slices", "{{ [1] | slice(1000000000000) | list }}", ends.any],
  ["conversions with names", "{{ ('%(' * 100000) % {} }}", /unknown conversion/],
  ["much output", `{% for i in range(99999) %}${many("y", 1000)}{% endfor %}`, ends.any],
  ["classes of Python", "{{ ''.__class__.__mro__ }}", /out of reach/],
  ["classes by a filter", "{{ ''|attr('__class__')|attr('__mro__') }}", /out of reach/],
  ["classes in a format", "{{ '{0.__class__}'.format('') }}", /does not have/],
  ["constructors of JavaScript", "{{ ''.constructor.constructor('return process')() }}", /no attribute "constructor"/],
  ["constructors of functions", "{{ range.constructor('return process')() }}", /no attribute "constructor"/],
  ["changing a list", "{{ messages.append(1) }}", /would change a list/],
  ["an underscore in a namespace", "{% set ns = namespace(__init__=1) %}", /rename it/],
])("%s", (_, source, message) => {
  const render = (): string =>
    new Template(source).render({ messages: [{ role: "user", content: "Hi" }] }, { formatNow: String });
  expect(render).toThrow(RequestError);
  expect(render).toThrow(message);
});

test.each<readonly [name: string, source: string]>([
  ["open parentheses", `{{ ${many("(", 1_000_000)}`],
  ["parentheses", `{{ ${many("(", 100_000)}1${many(")", 100_000)} }}`],
  ["brackets", `{{ ${many("[", 100_000)}${many("]", 100_000)} }}`],
  ["not", `{{ ${many("not ", 60_000)}1 }}`],
  ["signs", `{{ ${many("-", 200_000)}1 }}`],
  ["conditions", `{{ ${many("1 if 0 else ", 20_000)}1 }}`],
  ["blocks", many("{% if 1 %}", 20_000)],
  ["macros", many("{% macro m() %}", 10_000)],
  ["targets", `{% for ${many("(", 100_000)}a in b %}`],
  ["open tags", many("{{ ", 80_000)],
  ["open comments", many("{#", 100_000)],
  ["open raw blocks", many("{% raw %}", 20_000)],
  ["digits", `{{ ${many("9", 200_000)} }}`],
])("source: %s", (_, source) => {
  expect(() => new Template(source)).toThrow(FormatError);
});

test.each<readonly [name: string, source: string, expected: string]>([
  ["names in macros", `${many("{% macro m() %}", 98)}{{ ${many("x+", 20_000)}1 }}${many("{% endmacro %}", 98)}y`, "y"],
  ["sums", `{{ 1${many("+1", 50_000)} }}`, "50001"],
  ["filters", `{{ 1${many("|string", 20_000)} }}`, "1"],
  ["elifs", `{% if 0 %}${many("{% elif 0 %}", 10_000)}{% else %}x{% endif %}`, "x"],
  ["alternatives", `{{ 0${many(" or 0", 50_000)} }}`, "0"],
])("chains are no levels: %s", (_, source, expected) => {
  expect(new Template(source).render({}, { formatNow: String })).toBe(expected);
});

test("what a template may use grows with what it is given", () => {
  const template = new Template("{% for m in messages %}{% for n in range(60) %}{{ m.a ~ n }}{% endfor %}{% endfor %}");
  const messages = Array.from({ length: 5000 }, () => ({ a: "x", b: 1, c: 2, d: 3 }));
  expect(template.render({ messages }, { formatNow: String }).length).toBe(5000 * (60 + 110));
});
