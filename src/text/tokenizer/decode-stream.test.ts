import { describe, expect, test } from "vitest";
import { byteFallbackTokenizer, byteLevelTokenizer, loadTiny } from "../../../test/fixtures/tiny-tokenizers.ts";
import type { Tokenizer } from "./tokenizer.ts";

const byteLevel = loadTiny(byteLevelTokenizer());
const byteFallback = loadTiny(byteFallbackTokenizer());

const bytesOf = (text: string): number[] => [...new TextEncoder().encode(text)];
const byteTokensOf = (text: string): number[] => bytesOf(text).map((byte) => 3 + byte);

/** Pieces of all tokens, then the rest. */
function stream(tokenizer: Tokenizer, ids: readonly number[]): string[] {
  const decoder = tokenizer.decodeStream({ skipSpecial: true });
  return [...ids.map((id) => decoder.push(id)), decoder.finish()];
}

const whole = (tokenizer: Tokenizer, ids: readonly number[]): string => tokenizer.decode(ids, { skipSpecial: true });

/** A fixed sequence of numbers in [0, 1). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

describe("characters in several tokens", () => {
  test.each(["é", "€", "😀", "a€b", "👩‍👩‍👧", "नमस्ते", "한국어", "\u0000\u007f\u0080\u07ff\u0800\uffff\u{10ffff}"])(
    "%j comes whole, byte by byte",
    (text) => {
      const pieces = stream(byteLevel, bytesOf(text));
      expect(pieces.filter((piece) => piece !== "")).toEqual([...text]);
      expect(pieces.at(-1)).toBe("");
    },
  );

  test("a character split by merged tokens", () => {
    const ids = byteLevel.encode("x😀y");
    expect(ids).toHaveLength(4);
    expect(stream(byteLevel, ids)).toEqual(["x", "", "😀", "y", ""]);
  });

  test("what precedes an incomplete character does not wait for it", () => {
    expect(stream(byteLevel, [97, 0xe2])).toEqual(["a", "", "\uFFFD"]);
  });

  test("bytes that are no character come as U+FFFD once that is certain", () => {
    expect(stream(byteLevel, [0x80, 97, 0xe2, 0x82, 98])).toEqual(["\uFFFD", "a", "", "", "\uFFFDb", ""]);
  });

  test("a model that only ever says broken bytes is not held back for ever", () => {
    const ids = Array.from({ length: 1000 }, () => 0x80);
    const pieces = stream(byteLevel, ids);
    expect(pieces.join("")).toBe("\uFFFD".repeat(1000));
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(200);
  });

  test("U+FFFD itself is text", () => {
    expect(stream(byteLevel, bytesOf("a\uFFFDb")).join("")).toBe("a\uFFFDb");
    expect(stream(byteLevel, bytesOf("a\uFFFD")).join("")).toBe("a\uFFFD");
  });
});

describe("byte fallback", () => {
  test("a run of bytes comes when it ends", () => {
    const a = byteFallback.tokenId("a") ?? -1;
    expect(stream(byteFallback, [a, ...byteTokensOf("€"), a])).toEqual(["a", "", "", "", "€a", ""]);
    expect(stream(byteFallback, [a, ...byteTokensOf("€\n")])).toEqual(["a", "", "", "", "", "€\n"]);
  });

  test("only the first token loses its leading space", () => {
    const the = byteFallback.tokenId("▁the") ?? -1;
    expect(stream(byteFallback, [the, the, the])).toEqual(["the", " the", " the", ""]);
    const twoSpaces = byteFallback.tokenId("▁▁") ?? -1;
    expect(stream(byteFallback, [twoSpaces, the])).toEqual([" ", " the", ""]);
  });

  test("a special token in between neither has text nor eats the next space", () => {
    const the = byteFallback.tokenId("▁the") ?? -1;
    expect(stream(byteFallback, [1, the, 2, the])).toEqual(["", "the", "", " the", ""]);
    expect(stream(byteFallback, [0xe2 + 3, 2, 0x82 + 3, 0xac + 3, the]).join("")).toBe("€ the");
  });

  test("a run without end comes in whole characters", () => {
    const text = "€😀é".repeat(100);
    const pieces = stream(byteFallback, byteTokensOf(text)).filter((piece) => piece !== "");
    expect(pieces.join("")).toBe(text);
    expect(pieces.length).toBeGreaterThan(5);
    for (const piece of pieces) expect(piece).not.toContain("\uFFFD");
  });
});

describe.each([
  ["byte-level", byteLevel],
  ["byte fallback", byteFallback],
])("%s: any tokens", (_, tokenizer) => {
  test("the pieces are the whole, and every piece is made of whole characters", () => {
    const random = randomNumbers(17);
    for (let run = 0; run < 300; run++) {
      const length = Math.floor(random() * 60);
      const ids = Array.from({ length }, () => Math.floor(random() * tokenizer.vocabSize));
      const pieces = stream(tokenizer, ids);
      expect(pieces.join(""), ids.join()).toBe(whole(tokenizer, ids));
    }
  });

  test("texts of many scripts, in random splits into tokens", () => {
    const random = randomNumbers(4);
    const alphabet = [..."abthe .!€éñ漢字😀👍🏽ال\n\t"];
    for (let run = 0; run < 100; run++) {
      const text = Array.from({ length: 80 }, () => alphabet[Math.floor(random() * alphabet.length)]).join("");
      const ids = tokenizer.encode(text, { addSpecial: false });
      const pieces = stream(tokenizer, ids);
      expect(pieces.join("")).toBe(text);
      for (const piece of pieces) expect(piece).not.toMatch(/\uFFFD|[\uD800-\uDBFF]$|^[\uDC00-\uDFFF]/);
    }
  });

  test("long streams: forgetting the past changes nothing", () => {
    const text = "the a the 😀 a. ".repeat(200);
    const ids = tokenizer.encode(text, { addSpecial: false });
    expect(stream(tokenizer, ids).join("")).toBe(text);
  });
});
