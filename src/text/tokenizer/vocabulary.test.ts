import { expect, test } from "vitest";
import { Vocabulary } from "./vocabulary.ts";

test("tokens by id, ids by token, and gaps", () => {
  const vocabulary = Vocabulary.of(["a", undefined, "", "😀é", "\uFEFFx"]);
  expect([0, 1, 2, 3, 4, 5, -1].map((id) => vocabulary.token(id))).toEqual([
    ...["a", undefined, "", "😀é", "\uFEFFx", undefined, undefined],
  ]);
  expect(["a", "", "😀é", "\uFEFFx", "b", "😀"].map((token) => vocabulary.idOf(token))).toEqual([
    ...[0, 2, 3, 4, undefined, undefined],
  ]);
  expect([vocabulary.size, vocabulary.longestToken]).toEqual([5, 3]);
});

test("of equal tokens the last id counts, and both have the text", () => {
  const vocabulary = Vocabulary.of(["a", "b", "a"]);
  expect(vocabulary.idOf("a")).toBe(2);
  expect([vocabulary.token(0), vocabulary.token(2)]).toEqual(["a", "a"]);
});

test("an empty one knows nothing", () => {
  expect(Vocabulary.of([]).idOf("a")).toBeUndefined();
});

test("many tokens, long ones among them", () => {
  const tokens = Array.from({ length: 5000 }, (_, id) => `${id}é`.repeat(1 + (id % 200)));
  const vocabulary = Vocabulary.of(tokens);
  expect(tokens.every((token, id) => vocabulary.idOf(token) === id && vocabulary.token(id) === token)).toBe(true);
});
