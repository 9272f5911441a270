import { describe, expect, test } from "vitest";
import { getPlanarCode, putPlanarCode } from "./planar-stream.ts";

const hex = (words: Uint32Array): string => Array.from(words, (word) => word.toString(16).padStart(8, "0")).join(" ");

describe("planar streams", () => {
  // Made by an independent implementation.
  test.each([
    { bits: 3, code: (k: number) => k % 8, words: "e4e4e4e4 e4e4e4e4 f0f0f0f0" },
    { bits: 6, code: (k: number) => (2 * k) % 64, words: "eca86420 eca86420 eca86420 eca86420 55550000 ffffaaaa" },
  ])("$bits bit", ({ bits, code, words }) => {
    const codes = Array.from({ length: 32 }, (_, k) => code(k));
    const packed = new Uint32Array(bits);
    codes.forEach((each, k) => putPlanarCode(packed, bits, k, each));
    expect(hex(packed)).toBe(words);
    expect(codes.map((_, k) => getPlanarCode(packed, bits, k))).toEqual(codes);
  });

  test.each([3, 5, 6, 7])("%i bit, the second block of the second of three columns", (bits) => {
    const codes = Array.from({ length: 64 }, (_, k) => (k * 37) % 2 ** bits);
    const matrix = new Uint32Array(3 * 2 * bits);
    codes.forEach((each, k) => putPlanarCode(matrix, bits, k, each, 1, 3));
    expect(codes.map((_, k) => getPlanarCode(matrix, bits, k, 1, 3))).toEqual(codes);
    expect(matrix.some((word, at) => at % 3 !== 1 && word !== 0)).toBe(false);
  });
});
