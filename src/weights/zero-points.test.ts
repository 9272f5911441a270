import { describe, expect, test } from "vitest";
import { asUint32, bytesOf } from "../util/bytes.ts";
import type { AffineBits, ZeroOrder } from "./packed-weight.ts";
import { packZeros, symmetricZero, unpackZeros } from "./zero-points.ts";

const packedWords = (...words: number[]): Uint8Array => bytesOf(Uint32Array.from(words));

describe("zero points", () => {
  test("v1 words borrow between fields where a zero point is 0, and get it back", () => {
    const values = Uint8Array.of(3, 0, 7, 0, 15, 1, 0, 9);
    const packed = packZeros(values, 4, 1, 8, "lsb-n-minus-one");
    expect(asUint32(packed.bytes)[0].toString(16)).toBe("7f0df5f2"); // made by an independent implementation
    expect(unpackZeros(packed, 4, 1, 8)).toEqual(values);
  });

  test.each([
    { bits: 2, v1: [0x55555555], v2: [0xaaaaaaaa] },
    { bits: 3, v1: [0xdb6db6db, 0xb6db6db6, 0x6db6db6d], v2: [0x24924924, 0x49249249, 0x92492492] },
    { bits: 4, v1: [0x77777777], v2: [0x88888888] },
    { bits: 8, v1: [0x7f7f7f7f], v2: [0x80808080] },
  ] as const)("the words of symmetric $bits-bit zero points", ({ bits, v1, v2 }) => {
    const outFeatures = (v1.length * 32) / bits;
    const zeros = new Uint8Array(outFeatures).fill(symmetricZero(bits));
    expect(unpackZeros({ bytes: packedWords(...v1), order: "lsb-n-minus-one" }, bits, 1, outFeatures)).toEqual(zeros);
    expect(unpackZeros({ bytes: packedWords(...v2), order: "lsb-n" }, bits, 1, outFeatures)).toEqual(zeros);
  });

  test("the words of symmetric 3-bit zero points by GPTQModel before 7.0", () => {
    const bytes = packedWords(0x00000000, 0xb6db6db7, 0x49249249);
    expect(unpackZeros({ bytes, order: "lsb-n-minus-legacy" }, 3, 1, 32)).toEqual(new Uint8Array(32).fill(4));
  });

  const orders: readonly (readonly [AffineBits, ZeroOrder])[] = [
    ...([2, 3, 4, 8] as const).flatMap((bits) => [[bits, "lsb-n"] as const, [bits, "lsb-n-minus-one"] as const]),
    [3, "lsb-n-minus-legacy"],
  ];
  test.each(orders)("%d bit, %s: every value comes back", (bits, order) => {
    const groups = 3;
    const outFeatures = 64;
    const values = Uint8Array.from({ length: groups * outFeatures }, (_, i) => (i * 37 + (i >> 3)) % 2 ** bits);
    const packed = packZeros(values, bits, groups, outFeatures, order);
    expect(packed.bytes.byteLength).toBe((groups * outFeatures * bits) / 8);
    expect(unpackZeros(packed, bits, groups, outFeatures)).toEqual(values);
  });
});
