import { describe, expect, test } from "vitest";
import { seededRandom } from "../../../test/support/seeded-random.ts";
import { compiledGrammar } from "./compiled-grammar.ts";
import { GrammarMatchers } from "./grammar-matchers.ts";
import type { GrammarMatcher } from "./grammar-matcher.ts";
import type { GrammarSpec } from "./grammar-spec.ts";
import { packTokens, specialTokenBytes } from "./token-bytes.ts";

/** Every byte, some words, and a special token. */
const words = ['{"', '":', '","', '"}', '": [', "ab", "abab", "[[", "]]"].map((word) => new TextEncoder().encode(word));
const bytes = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
const vocabulary = [...bytes, ...words, specialTokenBytes("<end>")];
const matchers = new GrammarMatchers(packTokens(vocabulary), vocabulary.length);

function ids(allowed: Uint32Array): number[] {
  return vocabulary.map((_, id) => id).filter((id) => ((allowed[id >> 5] >>> (id & 31)) & 1) === 1);
}

const idOf = (text: string): number =>
  text.length === 1 ? text.charCodeAt(0) : vocabulary.findIndex((token) => new TextDecoder().decode(token) === text);
const regex = (pattern: string): GrammarSpec => ({ kind: "regex", pattern });
const schema = (value: object): GrammarSpec => ({ kind: "json-schema", schema: JSON.stringify(value) });

test("what needs more tokens than there are is left out, the stop token counted", () => {
  const matcher = matchers.matcher(compiledGrammar(regex("a{3}|(?:ab){4}|c{9}")));
  expect(ids(matcher.allowed)).toEqual([..."ac"].map(idOf).concat(idOf("ab"), idOf("abab")));
  // By c it would be 9, and one to stop.
  expect(ids(matcher.allowedWithin(9))).toEqual(ids(matcher.allowed));
  expect(ids(matcher.allowedWithin(8))).not.toContain(idOf("c"));
  expect(ids(matcher.allowedWithin(3))).toEqual(["a", "ab", "abab"].map(idOf));
  // Too few for the shortest text, which is "aaa": all that leads to some end.
  expect(ids(matcher.allowedWithin(2))).toEqual(ids(matcher.allowed));
});

const tree = { $ref: "#/$defs/t", $defs: { t: { type: "array", items: { $ref: "#/$defs/t" }, maxItems: 3 } } };
const item = {
  type: "object",
  properties: { name: { type: "string", minLength: 4 }, more: {} },
  required: ["name", "more"],
};
const cases: readonly (readonly [what: string, spec: GrammarSpec, maxTokens: number])[] = [
  ["any object", { kind: "json-object" }, 12],
  ["strings of some length in a list", schema({ type: "array", items: item, minItems: 2 }), 70],
  ["recursion", schema(tree), 5],
  ["digits of a number", schema({ type: "number", minimum: 0.125, maximum: 0.25 }), 7],
  ["escapes and characters of several bytes", schema({ type: "string", pattern: "^[\\n日😀]{3}$" }), 12],
  ["text before a mark", { kind: "sequence", parts: [{ kind: "text", without: ["ab"] }, { kind: "special-token", name: "<end>" }] }, 4],
  ["GBNF", { kind: "ebnf", source: 'root ::= "(" root* ")" | [a-c]{2,5}' }, 9],
]; // prettier-ignore

describe("whoever takes what is allowed within n, n - 1, … tokens comes to an end:", () => {
  test.each(cases)("%s", (_, spec, maxTokens) => {
    const random = seededRandom(1);
    for (let round = 0; round < 60; round++) {
      const matcher = matchers.matcher(compiledGrammar(spec));
      expect(tokensTaken(matcher, maxTokens, (all) => all[random(all.length)])).toBeLessThan(maxTokens);
    }
  });
});

/** How many tokens it takes, until nothing is left but to stop. */
function tokensTaken(matcher: GrammarMatcher, maxTokens: number, choose: (ids: readonly number[]) => number): number {
  for (let taken = 0; taken < maxTokens; taken++) {
    const allowed = ids(matcher.allowedWithin(maxTokens - taken - 1));
    if (allowed.length === 0) {
      expect(matcher.accepts).toBe(true);
      return taken;
    }
    matcher.accept(choose(allowed));
  }
  return Infinity;
}
