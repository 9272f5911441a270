import { describe, expect, test } from "vitest";
import { packCodes, unpackCodes } from "./affine-codes.ts";
import { codeAddress, type AddressedOrder } from "./code-address.ts";
import { codeBytes } from "./code-order-limits.ts";
import type { AffineBits } from "./packed-weight.ts";

/** Row, word (or halfword) of the row, and shift, as the formats' own documents give them. */
type Place = readonly [row: number, word: number, shift: number];

// Made by independent implementations.
const vectors: readonly (readonly [AddressedOrder, AffineBits, wordBits: number, [k: number, n: number], Place])[] = [
  ["awq-gemm", 4, 32, [3, 9], [3, 1, 16]],
  ["awq-gemv-fast", 4, 16, [63, 3], [0, 63, 12]],
  ["awq-gemv-fast", 4, 16, [70, 5], [1, 86, 0]],
  ["marlin", 4, 32, [9, 0], [0, 0, 20]],
  ["marlin", 4, 32, [0, 8], [0, 0, 8]],
  ["marlin", 4, 32, [17, 70], [1, 224, 16]],
  ["marlin", 4, 32, [15, 63], [0, 127, 28]],
  ["marlin", 8, 32, [9, 0], [0, 0, 24]],
  ["marlin", 8, 32, [0, 8], [0, 1, 0]],
  ["marlin", 8, 32, [17, 70], [1, 448, 16]],
  ["marlin", 8, 32, [15, 63], [0, 255, 24]],
];

describe("addresses of codes", () => {
  const [inFeatures, outFeatures] = [128, 128];
  test.each(vectors)(
    "%s, %i bit, words of %i bit: %j is at %j",
    (order, bits, wordBits, [k, n], [row, word, shift]) => {
      const rowWords = { "awq-gemm": outFeatures / 8, "awq-gemv-fast": inFeatures, marlin: (outFeatures * bits) / 2 }[
        order as "awq-gemm" | "awq-gemv-fast" | "marlin"
      ];
      const bit = codeAddress(order, { bits, inFeatures, outFeatures })(k, n);
      expect(bit).toBe(wordBits * (row * rowWords + word) + shift);
    },
  );

  test("an AWQ word of the outputs 0 … 7 with the codes 0 … 7", () => {
    const bytes = packCodes(
      Uint8Array.from({ length: 8 }, (_, n) => n),
      4,
      1,
      8,
      "awq-gemm",
    );
    expect(Buffer.from(bytes).readUInt32LE().toString(16)).toBe("75316420");
  });

  test.each([
    ["lsb-rows", 3, "88fac688 c688fac6 fac688fa"],
    ["word-rows", 3, "08fac688"],
  ] as const)("%s: 3-bit codes k % 8 begin with the words %s", (order, bits, words) => {
    const codes = Uint8Array.from({ length: 32 }, (_, k) => k % 8);
    const bytes = packCodes(codes, bits, 32, 1, order);
    const found = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    const expected = words.split(" ").map((word) => parseInt(word, 16));
    expect([...found.subarray(0, expected.length)]).toEqual(expected);
    expect(unpackCodes({ codes: bytes, order, bits, inFeatures: 32, outFeatures: 1 })).toEqual(codes);
  });

  test("byte-rows are signed", () => {
    const codes = Uint8Array.of(0, 127, 128, 255);
    const bytes = packCodes(codes, 8, 4, 1, "byte-rows");
    expect([...new Int8Array(bytes.buffer)]).toEqual([-128, -1, 0, 127]);
  });

  test.each([
    ["awq-gemm", 4, 5, 24],
    ["awq-gemv-fast", 4, 192, 12],
    ["marlin", 4, 48, 192],
    ["marlin", 8, 48, 192],
    ["lsb-rows", 7, 37, 5],
    ["word-rows", 5, 37, 5],
    ["byte-rows", 8, 37, 5],
  ] as const)("%s, %i bit: no two of %i × %i codes share a bit, and none lies outside", (order, bits, k, n) => {
    const shape = { order, bits, inFeatures: k, outFeatures: n };
    const addressOf = codeAddress(order, shape);
    const taken = new Uint8Array(8 * codeBytes(shape));
    for (let i = 0; i < k * n; i++) {
      const first = addressOf(i % k, Math.floor(i / k));
      for (let bit = first; bit < first + bits; bit++) {
        if (taken[bit] === 1) throw new Error(`bit ${bit} is of two codes`);
        taken[bit] = 1;
      }
    }
    // A bit outside would be no element of `taken`.
    expect(taken.reduce((sum, bit) => sum + bit, 0)).toBe(bits * k * n);
  });
});
