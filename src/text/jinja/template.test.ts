import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fixtures, sharedFixtures } from "../../../test/support/fixtures.ts";
import { FormatError, RequestError } from "../../util/errors.ts";
import { strftime } from "../strftime.ts";
import { Template } from "./template.ts";

/** As the reference recorded it: the text, or the name of the error. */
interface Outcome {
  readonly rendered?: string;
  readonly error?: string;
}

type Variables = Readonly<Record<string, unknown>>;

interface Expressions {
  readonly now?: string;
  readonly context: Variables;
  readonly cases: readonly (Outcome & { readonly expression?: string; readonly expr?: string })[];
}

interface Cases {
  readonly now: string;
  readonly conversations: Readonly<Record<string, Variables>>;
  readonly statements: readonly (Outcome & { readonly source: string })[];
  readonly cases: readonly (Outcome & {
    readonly template: string;
    readonly conversation: string;
    readonly prompt: boolean;
  })[];
}

const folder = join(fixtures, "chat");
const read = <T>(path: string): T => JSON.parse(readFileSync(path, "utf8")) as T;
const expressions = read<Expressions>(join(folder, "expressions.json"));
const golden = read<Cases>(join(folder, "cases.json"));
const now = new Date(golden.now);

function outcome(source: string, variables: Variables): Outcome {
  try {
    return { rendered: new Template(source).render(variables, { formatNow: (format) => strftime(now, format) }) };
  } catch (error) {
    if (error instanceof RequestError || error instanceof FormatError) return { error: error.message };
    throw error;
  }
}

/** What differs, with the wording of errors left to each side. */
function differences<T extends Outcome>(
  cases: readonly T[],
  label: (item: T) => string,
  run: (item: T) => Outcome,
): string[] {
  return cases.flatMap((item) => {
    const got = run(item);
    const isSame = item.error === undefined ? got.rendered === item.rendered : got.error !== undefined;
    return isSame
      ? []
      : [`${label(item)}: ${JSON.stringify(got)}, reference ${item.error ?? JSON.stringify(item.rendered)}`];
  });
}

function expressionDifferences({ context, cases }: Expressions): string[] {
  const sourceOf = ({ expression, expr }: Expressions["cases"][number]): string => expression ?? expr ?? "";
  return differences(cases, sourceOf, (item) => outcome(`{{ ${sourceOf(item)} }}`, context));
}

describe("as jinja2 renders", () => {
  test(`${expressions.cases.length} expressions`, () => {
    expect(expressionDifferences(expressions)).toEqual([]);
  });

  test.each(golden.statements)("$source", (statement) => {
    expect(
      differences(
        [statement],
        ({ source }) => source,
        ({ source }) => outcome(source, expressions.context),
      ),
    ).toEqual([]);
  });

  test.each([...new Set(golden.cases.map(({ template }) => template))])("%s", (name) => {
    const source = readFileSync(join(folder, "templates", name), "utf8");
    const run = ({ conversation, prompt }: Cases["cases"][number]): Outcome =>
      outcome(source, {
        ...{ tools: null, documents: null, bos_token: "<s>", eos_token: "</s>" },
        ...golden.conversations[conversation],
        add_generation_prompt: prompt,
      });
    const cases = golden.cases.filter(({ template }) => template === name);
    expect(differences(cases, ({ conversation, prompt }) => `${conversation}, ${prompt}`, run)).toEqual([]);
  });
});

const shared = sharedFixtures && join(sharedFixtures, "chat", "expressions.json");
const hasShared = shared !== undefined && existsSync(shared);
if (!hasShared) console.log("skipped: ../shared/fixtures/chat has more expressions");

test.runIf(hasShared)("the larger set of expressions", () => {
  expect(expressionDifferences(read<Expressions>(shared ?? ""))).toEqual([]);
});

describe("what JavaScript holds", () => {
  test.each([
    ["integers that are exact are integers", "{{ x }} {{ x // 2 }}", 5, "5 2"],
    ["others are floats", "{{ x }}", 2 ** 53, "9007199254740992.0"],
    ["bigints are integers", "{{ x + 1 }}", 2n ** 70n, "1180591620717411303425"],
    ["minus zero is zero", "{{ x }}", -0, "0"],
    ["not a number", "{{ x }}", NaN, "nan"],
    [
      "what is undefined in an object is absent",
      "{{ x.a is defined }}{{ x }}",
      { a: undefined, b: 1 },
      "False{'b': 1}",
    ],
    ["names of prototypes", "[{{ x.constructor }}{{ x.toString }}{{ x.__proto__ }}{{ x.valueOf }}]", {}, "[]"],
    [
      "keys of such names",
      "{{ x.constructor }}{{ x.__proto__ }}",
      JSON.parse('{"constructor": 1, "__proto__": 2}'),
      "12",
    ],
    ["half of a pair", "{{ x|length }}{{ x }}", "\ud83d", "1\ud83d"],
  ])("%s", (_, source, x: unknown, expected) => {
    expect(outcome(source, { x })).toEqual({ rendered: expected });
  });

  test.each([
    ["a function", { f: () => 1 }],
    ["a symbol", [Symbol("s")]],
    ["a Map", new Map()],
    ["a Date", new Date(0)],
  ])("%s is refused by its path", (_, x) => {
    expect(outcome("", { x }).error).toMatch(/^x(\.f|\[0\])?: is neither/);
  });

  test("what contains itself is refused", () => {
    const x: unknown[] = [];
    x.push({ x });
    expect(outcome("", { x }).error).toMatch("levels deep");
  });
});

test("renderings know nothing of each other", () => {
  const template = new Template(
    "{% set ns = namespace(n=0) %}{% set ns.n = ns.n + x %}{{ ns.n }}{% set y = 1 %}{{ y }}",
  );
  const formatNow = (): string => "";
  expect(template.render({ x: 1 }, { formatNow })).toBe("11");
  expect(template.render({ x: 2 }, { formatNow })).toBe("21");
});
