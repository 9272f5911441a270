import { expect, test } from "vitest";
import { compiledGrammar } from "./compiled-grammar.ts";
import { GrammarMatchers } from "./grammar-matchers.ts";
import type { GrammarSpec } from "./grammar-spec.ts";
import { packTokens } from "./token-bytes.ts";

const words = ['","', '"}', 'a"', "ab", "abc", "12", '":', ".5", "},", '{"', "\\n", "日本", " a"];
const vocabulary = [
  ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
  ...words.map((word) => new TextEncoder().encode(word)),
];
const tokens = packTokens(vocabulary);
const newMatchers = (): GrammarMatchers => new GrammarMatchers(tokens, vocabulary.length);

const string = (maxLength: number) => ({ type: "string", maxLength });
const object = (name: string, ...types: readonly object[]): GrammarSpec => ({
  kind: "json-schema",
  schema: JSON.stringify({
    type: "object",
    properties: Object.fromEntries(types.map((type, i) => [`${name}${i}`, type])),
    required: types.map((_, i) => `${name}${i}`),
    additionalProperties: false,
  }),
});

/** Much alike, and different where it matters: in lengths, in what follows, in what has been counted. */
const grammars: readonly GrammarSpec[] = [
  object("a", string(3), { type: "number" }),
  object("b", string(4), { type: "number" }),
  object("a", { type: "number" }, string(3)),
  object("a", { type: "integer" }, { type: "string" }, { type: "array", items: string(2), maxItems: 2 }),
  object("c", { type: "string", pattern: "^[a-c]{2,5}$" }, { type: "integer", maximum: 12 }, {}),
  object("c", { type: "string", pattern: "^[a-c]{2,4}$" }, { type: "integer", maximum: 13 }, {}),
  { kind: "regex", pattern: "[a-z ]{0,9}" },
  { kind: "regex", pattern: "[a-z ]{0,9}日?" },
  { kind: "regex", pattern: "[a-z ]{0,8}[0-9]" },
];
const texts = ["abc", '{"a0":"abc","a1":12.5}', '{"b0":"abc', '{"a0":12.5,"a1":"ab"}', '{"a0":1,"a1":"abab","a2":["a","ab"]}', '{"c0":"abab","c1":12,"c2":{"":[1.5]}}', "a ab abcab", "abcabcabc日", "aaaaaaaa1"]; // prettier-ignore

/** What may follow after every byte of the text, as far as the text is allowed, and what of that leaves room to end. */
function masksOf(matchers: GrammarMatchers, spec: GrammarSpec, text: string): readonly string[] {
  const matcher = matchers.matcher(compiledGrammar(spec));
  const masks: string[] = [];
  for (const id of new TextEncoder().encode(text)) {
    masks.push(
      [matcher.allowed, matcher.allowedWithin(30), matcher.allowedWithin(4)].map((mask) => mask.join()).join(" "),
    );
    if (((matcher.allowed[id >> 5] >>> (id & 31)) & 1) === 0) break;
    matcher.accept(id);
  }
  return masks;
}

test("what grammars allow does not depend on those before them, with which they share what is alike", () => {
  const shared = newMatchers();
  for (const spec of grammars)
    for (const text of texts) expect(masksOf(shared, spec, text)).toEqual(masksOf(newMatchers(), spec, text));
});
