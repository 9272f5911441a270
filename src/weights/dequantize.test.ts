import { describe, expect, test } from "vitest";
import { bytesOf } from "../util/bytes.ts";
import { floatToBfloat16, floatToHalf } from "../util/float16.ts";
import { packCodes, unpackCodes } from "./affine-codes.ts";
import { dequantize, dequantizeRows } from "./dequantize.ts";
import type { AffineBits, AffineZeroWeight, DenseWeight } from "./packed-weight.ts";
import { packZeros } from "./zero-points.ts";

/** 16 inputs in groups of 8 to 8 outputs; code (k, n) is (k + n) % 16, scale (g, n) is (g + 1) * (n + 1) / 4. */
function affine(parts: Partial<AffineZeroWeight> = {}): AffineZeroWeight {
  const codes = Uint8Array.from({ length: 128 }, (_, i) => ((i % 16) + Math.floor(i / 16)) % 16);
  const scales = Uint16Array.from({ length: 16 }, (_, i) => floatToHalf(((Math.floor(i / 8) + 1) * ((i % 8) + 1)) / 4));
  return {
    scheme: "affine-zero",
    inFeatures: 16,
    outFeatures: 8,
    bits: 4,
    groupSize: 8,
    codes: packCodes(codes, 4, 16, 8, "lsb-k"),
    order: "lsb-k",
    scales: bytesOf(scales),
    scaleType: "f16",
    ...parts,
  };
}

const each = (value: (n: number, k: number) => number): Float32Array =>
  Float32Array.from({ length: 128 }, (_, i) => value(Math.floor(i / 16), i % 16));

describe("dequantize", () => {
  test("symmetric", () => {
    const expected = each((n, k) => (((k + n) % 16) - 8) * ((Math.floor(k / 8) + 1) * (n + 1)) * 0.25);
    expect(dequantize(affine())).toEqual(expected);
  });

  test("zero points", () => {
    const zeros = packZeros(
      Uint8Array.from({ length: 16 }, (_, i) => i),
      4,
      2,
      8,
      "lsb-n",
    );
    const expected = each((n, k) => {
      const g = Math.floor(k / 8);
      return (((k + n) % 16) - (8 * g + n)) * ((g + 1) * (n + 1)) * 0.25;
    });
    expect(dequantize(affine({ zeros }))).toEqual(expected);
  });

  test("act-order: the r-th input in the row order belongs to group r / groupSize", () => {
    const rowOrder = Uint32Array.from({ length: 16 }, (_, r) => (r < 8 ? 2 * r : 2 * (r - 8) + 1)); // evens, then odds
    const expected = each((n, k) => (((k + n) % 16) - 8) * (((k % 2) + 1) * (n + 1)) * 0.25);
    expect(dequantize(affine({ rowOrder }))).toEqual(expected);
  });

  test("a short last group", () => {
    const scales = bytesOf(Float32Array.from({ length: 16 }, (_, i) => (i < 8 ? 1 : 2)));
    const weight = affine({ groupSize: 12, scales, scaleType: "f32" });
    expect(dequantize(weight)).toEqual(each((n, k) => (((k + n) % 16) - 8) * (k < 12 ? 1 : 2)));
  });

  test("the product is rounded to f32 once, and zero keeps the sign that f32 gives it", () => {
    const scales = Float32Array.from({ length: 16 }, (_, i) => (i === 0 ? 0.1 : -0.1));
    const values = dequantize(affine({ scales: bytesOf(scales), scaleType: "f32" }));
    expect(values[0]).toBe(Math.fround(-8 * Math.fround(0.1)));
    expect(values[8]).toBe(-0); // code 8 in the second group
  });

  test("rows are a part of the whole", () => {
    const whole = dequantize(affine());
    expect(dequantizeRows(affine(), 3, 7)).toEqual(whole.slice(3 * 16, 7 * 16));
  });

  test.each([
    { type: "f32", values: bytesOf(Float32Array.of(1, -0.5, 3, 0.1, 5, -6)) },
    { type: "f16", values: bytesOf(Uint16Array.from([1, -0.5, 3, 0.1, 5, -6], floatToHalf)) },
    { type: "bf16", values: bytesOf(Uint16Array.from([1, -0.5, 3, 0.1, 5, -6], floatToBfloat16)) },
  ] as const)("dense $type at any byte offset, in memory of its own", ({ type, values }) => {
    const unaligned = new Uint8Array(values.byteLength + 1);
    unaligned.set(values, 1);
    const weight: DenseWeight = { scheme: "dense", inFeatures: 3, outFeatures: 2, type, values: unaligned.subarray(1) };
    const found = dequantize(weight);
    expect(found[0]).toBe(1);
    expect(found[3]).toBeCloseTo(0.1, 3);
    expect(dequantizeRows(weight, 1, 2)).toEqual(found.slice(3));
    const aligned = dequantize({ ...weight, values });
    aligned.fill(0);
    expect(dequantize({ ...weight, values })).toEqual(found);
  });
});

describe("codes", () => {
  test.each([2, 3, 4, 8] as const)(
    "%d bit: packing and unpacking are inverse, also for a few columns",
    (bits: AffineBits) => {
      const inFeatures = 96;
      const outFeatures = 37; // no multiple of the columns that are read together
      const codes = Uint8Array.from({ length: inFeatures * outFeatures }, (_, i) => (i * 89 + (i >> 4)) % 2 ** bits);
      const weight = affine({
        inFeatures,
        outFeatures,
        bits,
        codes: packCodes(codes, bits, inFeatures, outFeatures, "lsb-k"),
      });
      expect(unpackCodes(weight)).toEqual(codes);
      expect(unpackCodes(weight, 15, 33)).toEqual(codes.slice(15 * inFeatures, 33 * inFeatures));
    },
  );
});
