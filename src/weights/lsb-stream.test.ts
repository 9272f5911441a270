import { describe, expect, test } from "vitest";
import { getCode, putCode, streamWords, unpackStream } from "./lsb-stream.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const hex = (words: Uint32Array): string => Array.from(words, (word) => word.toString(16).padStart(8, "0")).join(" ");

// Made by an independent implementation.
const vectors = [
  { bits: 2, codes: range(16).map((k) => k % 4), words: "e4e4e4e4" },
  { bits: 3, codes: range(32).map((k) => k % 8), words: "88fac688 c688fac6 fac688fa" },
  { bits: 4, codes: range(8), words: "76543210" },
  { bits: 5, codes: range(32), words: "8a418820 c5a92839 ca307b9a 38bdab49 ffbbcdeb" },
  { bits: 6, codes: range(16).map((k) => (2 * k) % 64), words: "88184080 449038c2 79c69859" },
  { bits: 8, codes: [1, 255, 0, 128], words: "8000ff01" },
];

describe("LSB streams", () => {
  test.each(vectors)("$bits bit, packed", ({ bits, codes, words }) => {
    const packed = new Uint32Array(streamWords(bits, codes.length));
    codes.forEach((code, i) => putCode(packed, bits, i, code));
    expect(hex(packed)).toBe(words);
  });

  test.each(vectors)("$bits bit, unpacked at once and one by one", ({ bits, codes, words }) => {
    const packed = Uint32Array.from(words.split(" "), (word) => parseInt(word, 16));
    const found = new Uint8Array(codes.length);
    unpackStream(packed, bits, found);
    expect([...found]).toEqual(codes);
    expect(codes.map((_, i) => getCode(packed, bits, i))).toEqual(codes);
  });

  test.each(vectors)("$bits bit, as the second of three columns", ({ bits, codes, words }) => {
    const rows = streamWords(bits, codes.length);
    const matrix = new Uint32Array(3 * rows);
    codes.forEach((code, i) => putCode(matrix, bits, i, code, 1, 3));
    expect(hex(matrix.filter((_, at) => at % 3 === 1))).toBe(words);
    expect(matrix.some((word, at) => at % 3 !== 1 && word !== 0)).toBe(false);
    expect(codes.map((_, i) => getCode(matrix, bits, i, 1, 3))).toEqual(codes);
  });

  test("a code too large for its field leaves its neighbours alone", () => {
    const packed = new Uint32Array(1);
    putCode(packed, 4, 1, -1);
    expect(hex(packed)).toBe("000000f0");
  });
});
