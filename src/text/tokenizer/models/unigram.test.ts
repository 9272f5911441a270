import { describe, expect, test } from "vitest";
import { FormatError } from "../../../util/errors.ts";
import { budgetFor } from "../budget.ts";
import { Vocabulary } from "../vocabulary.ts";
import { UnigramEncoder } from "./unigram.ts";

/** Of [token, score] pairs; the first is the unknown token. */
function encode(pieces: readonly (readonly [string, number])[], text: string, byteFallback = false): string[] {
  const vocabulary = Vocabulary.of(pieces.map(([token]) => token));
  const scores = Float64Array.from(pieces, ([, score]) => score);
  const ids: number[] = [];
  const model = { type: "Unigram", vocabulary, scores, unknownId: 0, byteFallback } as const;
  new UnigramEncoder(model).encode(text, ids, budgetFor(text));
  return ids.map((id) => vocabulary.token(id) ?? "");
}

describe("a Unigram model", () => {
  const letters = [["<unk>", 0], ["a", 0], ["b", 0], ["c", 0], ["d", 0]] as const;

  test("takes the way of the highest sum", () => {
    const pieces = [...letters, ["cd", 1], ["ab", 2], ["abc", 5], ["abcd", 10]] as const;
    expect(encode(pieces, "abcdacdxx")).toEqual(["abcd", "a", "cd", "<unk>"]);
  });

  test("of equal sums the one whose last token begins first", () => {
    expect(encode([...letters, ["ab", 1], ["bc", 1]], "abc")).toEqual(["a", "bc"]);
  });

  test("writes unknown characters as bytes where it has all of them", () => {
    const bytes = [0xf0, 0x9f, 0x98, 0x80].map((byte) => [`<0x${byte.toString(16).toUpperCase()}>`, -20] as const);
    expect(encode([...letters, ...bytes], "a😀b", true)).toEqual(["a", ...bytes.map(([token]) => token), "b"]);
    expect(encode([...letters, ...bytes.slice(1)], "a😀b", true)).toEqual(["a", "<unk>", "b"]);
    expect(encode([...letters, ...bytes], "a😀b")).toEqual(["a", "<unk>", "b"]);
  });

  test("without an unknown token there is text that it cannot write", () => {
    const vocabulary = Vocabulary.of(["a"]);
    const model = { type: "Unigram", vocabulary, scores: Float64Array.of(0), unknownId: undefined, byteFallback: false } as const;
    expect(() => new UnigramEncoder(model).encode("ab", [], budgetFor("ab"))).toThrow(FormatError);
  });
});
