import { describe, expect, test } from "vitest";
import {
  bfloat16ToFloat,
  floatToBfloat16,
  floatToHalf,
  halfToFloat,
  narrowToBfloat16,
  narrowToHalf,
  widenBfloat16,
  widenHalf,
} from "./float16.ts";

/** The value of a small float by the definition of IEEE 754, in doubles: the judge of the bit tricks. */
function valueOf(bits: number, exponentBits: number, fractionBits: number): number {
  const sign = bits >>> (exponentBits + fractionBits) ? -1 : 1;
  const exponent = (bits >>> fractionBits) & (2 ** exponentBits - 1);
  const fraction = bits & (2 ** fractionBits - 1);
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : NaN;
  const significand = exponent === 0 ? fraction : fraction + 2 ** fractionBits;
  return sign * significand * 2 ** (Math.max(exponent, 1) - bias - fractionBits);
}

const all = Uint16Array.from({ length: 0x10000 }, (_, i) => i);
const kinds = [
  { name: "f16", e: 5, f: 10, toFloat: halfToFloat, fromFloat: floatToHalf, widen: widenHalf, narrow: narrowToHalf },
  {
    name: "bf16",
    e: 8,
    f: 7,
    toFloat: bfloat16ToFloat,
    fromFloat: floatToBfloat16,
    widen: widenBfloat16,
    narrow: narrowToBfloat16,
  },
];

describe.each(kinds)("$name", ({ e, f, toFloat, fromFloat, widen, narrow }) => {
  const values = Array.from(all, (bits) => valueOf(bits, e, f));
  const infinity = (2 ** e - 1) << f;

  test("all 65,536 values widen exactly, one by one and in bulk", () => {
    const bulk = widen(all);
    const wrong = values.filter((value, bits) => !Object.is(toFloat(bits), value) || !Object.is(bulk[bits], value));
    expect(wrong).toEqual([]);
  });

  test("all values but NaN come back as the same bits", () => {
    const bulk = narrow(Float32Array.from(values));
    const wrong = Array.from(all).filter((bits) => {
      const expected = Number.isNaN(values[bits]) ? infinity | (1 << (f - 1)) : bits;
      return fromFloat(values[bits]) !== expected || bulk[bits] !== expected;
    });
    expect(wrong).toEqual([]);
  });

  test("between two neighbours the nearer wins, and the even one in the middle, also for doubles", () => {
    const wrong: number[] = [];
    for (let bits = 0; bits < infinity; bits++) {
      const low = values[bits];
      // Where rounding to infinity begins, the neighbour is what the next binade would hold.
      const high = bits + 1 === infinity ? 2 * values[bits] - values[bits - 1] : values[bits + 1];
      const middle = (low + high) / 2;
      const nudge = (high - low) / 2 ** 20; // 2^-31 of the value: closer to the middle than any f32
      const even = bits % 2 === 0 ? bits : bits + 1;
      const ok =
        fromFloat(middle) === even &&
        fromFloat(middle - nudge) === bits &&
        fromFloat(middle + nudge) === bits + 1 &&
        fromFloat(-middle) === (even | 0x8000);
      if (!ok) wrong.push(bits);
    }
    expect(wrong).toEqual([]);
  });

  test("the bulk narrowing agrees with the scalar one on f32 of every exponent", () => {
    const words = Uint32Array.from({ length: 300_000 }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 0);
    const floats = new Float32Array(words.buffer);
    const bulk = narrow(floats);
    expect(Array.from(floats.keys()).filter((i) => bulk[i] !== fromFloat(floats[i]))).toEqual([]);
  });

  test("writes to the front of a longer destination, refuses a shorter one", () => {
    const dst = new Float32Array(4).fill(9);
    expect(widen(Uint16Array.of(0, 0x8000), dst)).toBe(dst);
    expect([...dst]).toEqual([0, -0, 9, 9]);
    expect(() => widen(new Uint16Array(5), dst)).toThrow(RangeError);
    expect(() => narrow(new Float32Array(5), new Uint16Array(4))).toThrow(RangeError);
  });
});

test("known halves", () => {
  expect(floatToHalf(65504)).toBe(0x7bff);
  expect(floatToHalf(65519.999)).toBe(0x7bff);
  expect(floatToHalf(65520)).toBe(0x7c00);
  expect(floatToHalf(2 ** -24)).toBe(1);
  expect(floatToHalf(2 ** -25)).toBe(0);
  expect(floatToHalf(2 ** -25 * (1 + 2 ** -40))).toBe(1); // rounds up only if not rounded to f32 first
  expect(floatToHalf(1e300)).toBe(0x7c00);
  expect(floatToHalf(-5e-324)).toBe(0x8000);
});
