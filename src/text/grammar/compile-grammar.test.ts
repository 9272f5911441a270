import { describe, expect, test } from "vitest";
import { RequestError } from "../../util/errors.ts";
import { compileGrammar } from "./compile-grammar.ts";
import { compiledGrammar } from "./compiled-grammar.ts";
import { GrammarMatchers } from "./grammar-matchers.ts";
import type { GrammarSpec } from "./grammar-spec.ts";
import { packTokens, specialTokenBytes } from "./token-bytes.ts";

/** Every byte, some words, and a special token. */
const words = ['{"', '":', '"a"', "true", "foo", "日本", "  "].map((word) => new TextEncoder().encode(word));
const special = specialTokenBytes("<call>");
const bytes = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
const vocabulary = [...bytes, ...words, special, undefined];
const matchers = new GrammarMatchers(packTokens(vocabulary), vocabulary.length);

/** Whether the text, byte by byte, is one that the grammar matches; special tokens stand between ‹ and ›. */
function matches(spec: GrammarSpec, text: string): boolean {
  const matcher = matchers.matcher(compiledGrammar(spec));
  const ids = text
    .split(/(‹[^›]*›)/)
    .flatMap((part) => (part.startsWith("‹") ? [263] : [...new TextEncoder().encode(part)]));
  for (const id of ids) {
    if (((matcher.allowed[id >> 5] >>> (id & 31)) & 1) === 0) return false;
    matcher.accept(id);
  }
  return matcher.accepts;
}

const schema = (value: unknown): GrammarSpec => ({ kind: "json-schema", schema: JSON.stringify(value) });
const ebnf = (source: string): GrammarSpec => ({ kind: "ebnf", source });
const regex = (pattern: string): GrammarSpec => ({ kind: "regex", pattern });

const object = (properties: object, rest: object = {}): GrammarSpec => schema({ type: "object", properties, ...rest });
const call: GrammarSpec = { kind: "sequence", parts: [{ kind: "literal", text: "<c>" }, schema({ type: "integer" }), { kind: "literal", text: "</c>" }] }; // prettier-ignore
const prose: GrammarSpec = { kind: "text", without: ["<c>"] };
const calls: GrammarSpec = { kind: "sequence", parts: [prose, { kind: "repeat", body: { kind: "sequence", parts: [call, prose] }, min: 1, max: 2 }] }; // prettier-ignore

const cases: readonly (readonly [what: string, spec: GrammarSpec, yes: readonly string[], no: readonly string[]])[] = [
  ["any object", { kind: "json-object" }, ["{}", '{"a": [1, null, {"b":"\\u00e9\\ud83d\\ude00"}]}', '{\n  "x": -1.5e3\n}'], ["[]", '{"a"}', '{"a":01}', '{"a":"\\ud83d"}', '{"a":1,}']],
  ["types", schema({ type: ["boolean", "null", "integer"] }), ["true", "null", "-7"], ["1.5", '"a"', "{}"]],
  ["enum", schema({ enum: ["a", 1, null, { b: [2] }] }), ['"a"', "1", "null", '{"b":[2]}'], ['"b"', "2"]],
  ["const", schema({ const: "x\n" }), ['"x\\n"'], ['"x"']],
  ["enum with others", schema({ enum: ["a", "bb", 3, 30], maxLength: 1, maximum: 5 }), ['"a"', "3"], ['"bb"', "30"]],
  ["lengths", schema({ type: "string", minLength: 1, maxLength: 2 }), ['"é"', '"😀b"', '"\\n"'], ['""', '"abc"']],
  ["pattern, found anywhere", schema({ type: "string", pattern: "b+" }), ['"abc"', '"b"'], ['"ac"', '""']],
  ["pattern and length", schema({ type: "string", pattern: "^a*$", minLength: 2, maxLength: 3 }), ['"aa"', '"aaa"'], ['"a"', '"aaaa"']],
  ["date", schema({ type: "string", format: "date" }), ['"2024-02-29"', '"2023-12-31"'], ['"2023-02-29"', '"2023-13-01"']],
  ["ipv6", schema({ type: "string", format: "ipv6" }), ['"::1"', '"fe80::1:2"', '"1:2:3:4:5:6:7:8"'], ['"1::2::3"', '"1:2"']],
  ["integer bounds", schema({ type: "integer", minimum: -12, exclusiveMaximum: 105 }), ["-12", "0", "99", "104"], ["-13", "105", "007", "-0"]],
  ["multipleOf", schema({ type: "integer", multipleOf: 7, minimum: 1, maximum: 100 }), ["7", "98"], ["1", "0", "105"]],
  ["number bounds", schema({ type: "number", minimum: -0.5, exclusiveMaximum: 2.25 }), ["-0.5", "-0.49", "2.249", "0", "2.2"], ["-0.51", "2.25", "2.250", "3", "-1"]],
  ["exclusive zero", schema({ type: "number", exclusiveMinimum: 0 }), ["0.001", "1"], ["0", "0.0", "-1"]],
  ["items", schema({ type: "array", items: { type: "null" }, minItems: 1, maxItems: 2 }), ["[null]", "[null, null]"], ["[]", "[null,null,null]", "[1]"]],
  ["prefixItems", schema({ type: "array", prefixItems: [{ const: 1 }, { const: 2 }], items: false }), ["[]", "[1]", "[1, 2]"], ["[2]", "[1,2,3]"]],
  ["draft 7's items", schema({ type: "array", items: [{ const: 1 }], additionalItems: { const: 2 } }), ["[1]", "[1,2,2]"], ["[2]", "[1,1]"]],
  ["optional members", object({ a: { const: 1 }, b: { const: 2 }, c: { const: 3 } }, { required: ["b"], additionalProperties: false }), ['{"b":2}', '{"a":1,"b":2}', '{"b":2,"c":3}'], ["{}", '{"a":1}', '{"b":2,"a":1}', '{"b":2,}']],
  ["other members", object({ a: { const: 1 } }, { additionalProperties: { type: "integer" } }), ["{}", '{"x":5}', '{"a":1,"ab":2}'], ['{"a":2}', '{"x":"y"}']],
  ["patternProperties", object({}, { patternProperties: { "^n": { type: "null" } }, additionalProperties: { type: "boolean" } }), ['{"no":null,"a":true}'], ['{"no":true}', '{"a":null}']],
  ["counts of members", object({ a: {}, b: {}, c: {} }, { minProperties: 2, maxProperties: 2, additionalProperties: false }), ['{"a":1,"c":2}'], ['{"a":1}', '{"a":1,"b":1,"c":1}']],
  ["required, not named", object({}, { required: ["k"], additionalProperties: { type: "null" } }), ['{"k":null}'], ["{}", '{"k":1}']],
  ["propertyNames", object({}, { propertyNames: { maxLength: 1 }, additionalProperties: { type: "null" } }), ['{"k":null}'], ['{"kk":null}']],
  ["allOf", schema({ allOf: [{ type: "integer", minimum: 3 }, { maximum: 4 }] }), ["3", "4"], ["2", "5"]],
  ["anyOf beside others", schema({ type: "string", anyOf: [{ const: "a" }, { maxLength: 0 }, { type: "integer" }] }), ['"a"', '""'], ['"b"', "1"]],
  ["oneOf", schema({ oneOf: [{ type: "string", maxLength: 1 }, { type: "integer" }] }), ['"a"', "1"], ["true"]],
  ["recursion", schema({ $ref: "#/$defs/t", $defs: { t: { type: "array", items: { $ref: "#/$defs/t" } } } }), ["[]", "[[], [[]]]"], ["[1]"]],
  ["false inside", object({ a: false }, { additionalProperties: false }), ["{}"], ['{"a":1}']],
  ["regular expression", regex("(?:a|bc)+\\d{2}$"), ["abc12", "a00"], ["12", "a1", "a123"]],
  ["classes of JavaScript", regex("[^]\\w\\s."), ["日_\u00a0b"], ["aé b"]],
  ["GBNF", ebnf('root ::= "x" item{2,3} # twice or more\nitem ::= [0-9] | "(" item* ")"'), ["x12", "x(1()2)3", "x123"], ["x1", "x1234", "x(1"]],
  ["GBNF escapes", ebnf('root ::= "\\x41\\u00e9\\n" [^"\\\\]'), ["Aé\nz"], ['Aé\n"']],
  ["Lark", ebnf('?start: sum\nsum: sum "+" NUM -> add\n   | NUM\n%import common.INT\nNUM: INT ["." INT] | "pi"i'), ["1+2.5+PI", "3"], ["+", "1+", "1."]],
  ["text without", prose, ["", "a<c", "<<c"], ["<c>", "a<c>b"]],
  ["calls in prose", calls, ["<c>1</c>", "so <c>1</c> and <c>-2</c>."], ["none", "<c></c>", "<c>1</c><c>2</c><c>3</c>", "<c>1"]],
  ["a special token", { kind: "sequence", parts: [{ kind: "special-token", name: "<call>" }, regex("a")] }, ["‹<call>›a"], ["<call>a", "a"]],
]; // prettier-ignore

describe("a grammar matches what it says, and nothing else:", () => {
  test.each(cases)("%s", (_, spec, yes, no) => {
    expect(yes.filter((text) => !matches(spec, text))).toEqual([]);
    expect(no.filter((text) => matches(spec, text))).toEqual([]);
  });
});

const refusals: readonly (readonly [what: string, spec: GrammarSpec, message: RegExp])[] = [
  ["an unknown keyword", object({ a: { unevaluatedItems: false } }), /"#\/properties\/a\/unevaluatedItems".*not supported/],
  ["not", schema({ not: {} }), /"#\/not"/],
  ["if", schema({ if: {} }), /"#\/if"/],
  ["uniqueItems", schema({ type: "array", uniqueItems: true }), /"#\/uniqueItems"/],
  ["an unknown format", object({ "a/b": { type: "string", format: "zip" } }), /"#\/properties\/a~1b\/format".*zip/],
  ["a look-ahead", schema({ type: "string", pattern: "(?=a)" }), /"#\/pattern".*looking ahead/],
  ["a malformed pattern", schema({ type: "string", pattern: "a(" }), /"#\/pattern".*never closed/],
  ["a multiple of a fraction", schema({ type: "number", multipleOf: 0.1 }), /"#\/multipleOf"/],
  ["oneOf that may overlap", schema({ oneOf: [{ type: "string" }, { maxLength: 3 }] }), /"#\/oneOf"/],
  ["a reference outside", schema({ $ref: "http://a/b" }), /"#\/\$ref"/],
  ["a reference to nowhere", schema({ $ref: "#/$defs/x" }), /leads nowhere/],
  ["a schema that is itself", schema({ anyOf: [{ $ref: "#" }, { type: "null" }] }), /refers to itself/],
  ["what nothing fulfils", schema({ type: "integer", minimum: 2, maximum: 1 }), /matches no text/],
  ["members that cannot be told apart", object({}, { minProperties: 2 }), /"#\/minProperties"/],
  ["no JSON", { kind: "json-schema", schema: "{" }, /not valid JSON/],
  ["an unknown type", schema({ type: "text" }), /"#\/type"/],
  ["a rule that is missing", ebnf("root ::= a"), /line 1, character 10.*"a" is used/],
  ["no root", ebnf("a ::= [a]"), /"root"/],
  ["left recursion over two rules", ebnf('root ::= a\na ::= b "x"\nb ::= a | "y"'), /begins with itself/],
  ["%ignore", ebnf('start: "a"\n%ignore " "'), /%ignore/],
  ["an unknown kind", { kind: "magic" } as never, /"magic" is not known/],
]; // prettier-ignore

describe("refused, with the reason:", () => {
  test.each(refusals)("%s", (_, spec, message) => {
    expect(() => compileGrammar(spec)).toThrow(RequestError);
    expect(() => compileGrammar(spec)).toThrow(message);
  });
});

const hostile: readonly (readonly [what: string, spec: () => GrammarSpec])[] = [
  ["a schema nested 10,000 deep", () => ({ kind: "json-schema", schema: '{"items":'.repeat(10_000) + "{}" + "}".repeat(10_000) })],
  ["a schema of 10 MB", () => ({ kind: "json-schema", schema: `{"description":"${"a".repeat(10 * 2 ** 20)}"}` })],
  ["a pattern that doubles", () => regex("(?:a|b)*a(?:a|b){30}")],
  ["repetitions of repetitions", () => regex("((((a{900}){900}){900}){900}){900}")],
  ["a catastrophic pattern in a schema", () => schema({ type: "string", pattern: "^((a|b)*a(a|b){24})+$", format: "uri" })],
  ["alternatives of alternatives", () => schema({ allOf: Array.from({ length: 12 }, (_, i) => ({ anyOf: [{ minLength: i }, { maxLength: i }] })) })],
  ["members counted", () => schema({ type: "object", properties: Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`p${i}`, {}])), maxProperties: 2500 })],
  ["GBNF in parentheses", () => ebnf(`root ::= ${"(".repeat(5000)}"a"${")".repeat(5000)}`)],
  ["GBNF that repeats", () => ebnf('root ::= (((("a"{9999}){9999}){9999}){9999}){9999} [b] {9999}')],
  ["GBNF of rules in a long chain", () => ebnf(`root ::= r0\n${Array.from({ length: 5000 }, (_, i) => `r${i} ::= r${i + 1}\n`).join("")}r5000 ::= ""`)],
  ["schemas that refer to each other", () => schema({ $ref: "#/$defs/0", $defs: Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [i, { anyOf: [{ $ref: `#/$defs/${(i + 1) % 3000}` }, { type: "null" }] }])) })],
  ["schemas in a long chain of properties", () => schema({ $ref: "#/$defs/0", $defs: Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [i, { properties: { a: { $ref: `#/$defs/${(i + 1) % 3000}` } } }])) })],
  ["oneOf of thousands", () => schema({ oneOf: Array.from({ length: 3000 }, (_, i) => ({ const: i })) })],
  ["allOf that doubles", () => schema({ $ref: "#/$defs/0", $defs: Object.fromEntries(Array.from({ length: 30 }, (_, i) => [i, i === 29 ? {} : { allOf: [{ $ref: `#/$defs/${i + 1}` }, { $ref: `#/$defs/${i + 1}` }] }])) })],
  ["parts in parts", () => Array.from({ length: 2000 }).reduce<GrammarSpec>((body) => ({ kind: "sequence", parts: [body] }), regex("a"))],
]; // prettier-ignore

describe("hostile grammars end in bounded work:", () => {
  test.each(hostile)("%s", (_, spec) => {
    const given = spec();
    const compile = (): void => void matchers.matcher(compiledGrammar(given));
    // Either is fine; what is not is a process that is busy, or another error.
    try {
      compile();
    } catch (error) {
      expect(error).toBeInstanceOf(RequestError);
    }
  });
});

test("no token is allowed that leads where the vocabulary cannot go on", () => {
  const tokens = ["a", "b", "日"].map((text) => new TextEncoder().encode(text));
  tokens.push(Uint8Array.of(0xe6)); // begins the character, which no other token goes on with
  const narrow = new GrammarMatchers(packTokens(tokens), tokens.length);
  expect([...narrow.matcher(compiledGrammar(regex("[a日]b"))).allowed]).toEqual([0b0101]);
  expect([...narrow.matcher(compiledGrammar(regex("ab|ac"))).allowed]).toEqual([0b0001]);
});

test("an ambiguous grammar is followed in polynomial work", () => {
  const matcher = matchers.matcher(compiledGrammar(ebnf('root ::= "a" | "a" root root | "a" root | "(" root ")"')));
  for (let i = 0; i < 60; i++) matcher.accept("a".charCodeAt(0));
  expect(matcher.accepts).toBe(true);
});
