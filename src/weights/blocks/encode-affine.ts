import type { BlockEncoder } from "./block-encoder.ts";
import { candidates, type Levels } from "./candidate-search.ts";
import { putHalf } from "./put-float.ts";
import { searchScales, searchScalesAndMinima, toHalf } from "./search-scales.ts";

/** Writes the codes of one block, from index `from` on, behind the factors that begin at byte `at`. */
type PutCodes = (codes: Uint8Array, from: number, bytes: Uint8Array, at: number) => void;

/**
 * Levels of `bits` bits around 0, of which there is one more below. The largest magnitude is given the lowest of them first, as ggml
 * does, then more and less, and then the highest.
 */
function signedLevels(bits: number): { readonly levels: Levels; readonly divisors: readonly number[] } {
  const half = 2 ** (bits - 1);
  const below = [0, -0.8, -0.6, -0.4, -0.2, 0.2, 0.4, 0.6, 0.8].map((offset) => -half - offset);
  const above = [-0.6, -0.3, 0, 0.3, 0.6, 0.9, 1.2].map((offset) => half - 1 + offset);
  return { levels: { lowest: -half, count: 2 * half }, divisors: [...below, ...above] };
}

/** Low nibbles are the first half of the block's weights. */
const putNibbles: PutCodes = (codes, from, bytes, at) => {
  for (let i = 0; i < 16; i++) bytes[at + i] = (codes[from + i] & 15) | ((codes[from + i + 16] & 15) << 4);
};

/** A word of the fifth bits, then nibbles. */
const putFiveBits: PutCodes = (codes, from, bytes, at) => {
  for (let i = 0; i < 32; i++) bytes[at + (i >> 3)] |= (codes[from + i] >> 4) << (i & 7);
  putNibbles(codes, from, bytes, at + 4);
};

const putSignedBytes: PutCodes = (codes, from, bytes, at) => {
  for (let i = 0; i < 32; i++) bytes[at + i] = codes[from + i] - 127;
};

/** Byte j of each half of the block holds weights j, j + 32, j + 64 and j + 96 of it; the factor follows. */
const putTernary2: PutCodes = (codes, from, bytes, at) => {
  for (let i = 0; i < 256; i++) bytes[at + 32 * (i >> 7) + (i % 32)] |= codes[from + i] << (2 * ((i >> 5) % 4));
};

/** Five trits as a number of base 3, the first highest, scaled to 256ths and rounded up, so that multiplying brings them back. */
const putTernary1: PutCodes = (codes, from, bytes, at) => {
  const put = (byte: number, first: number, step: number, trits: number): void => {
    let number = 0;
    for (let t = 0; t < 5; t++) number = 3 * number + (t < trits ? codes[from + first + t * step] : 0);
    bytes[at + byte] = Math.ceil((number * 256) / 243);
  };
  for (let i = 0; i < 32; i++) put(i, i, 32, 5);
  for (let i = 0; i < 16; i++) put(32 + i, 160 + i, 16, 5);
  for (let i = 0; i < 4; i++) put(48 + i, 240 + i, 4, 4);
};

interface SymmetricType {
  readonly values: number;
  readonly bytes: number;
  readonly factorAt: number;
  readonly codesAt: number;
  readonly levels: Levels;
  readonly divisors: readonly number[];
  readonly put: PutCodes;
}

const symmetric =
  ({ values: size, bytes: blockBytes, factorAt, codesAt, levels, divisors, put }: SymmetricType): BlockEncoder =>
  async (values, search) => {
    const scales = await searchScales({ values, size, levels }, divisors, search, toHalf);
    const codes = new Uint8Array(values.length);
    await search.encode({ values, size, levels, scales }, codes);
    const bytes = new Uint8Array(scales.length * blockBytes);
    for (const [g, scale] of scales.entries()) {
      putHalf(bytes, g * blockBytes + factorAt, scale);
      put(codes, g * size, bytes, g * blockBytes + codesAt);
    }
    return bytes;
  };

const withMinimum =
  (bits: 4 | 5, put: PutCodes): BlockEncoder =>
  async (values, search) => {
    const size = 32;
    const levels = { lowest: 0, count: 2 ** bits };
    const { scales, minima } = await searchScalesAndMinima({ values, size, levels }, false, search, toHalf);
    const codes = new Uint8Array(values.length);
    await search.encode({ values, size, levels, scales, minima }, codes);
    const blockBytes = 4 + (size * bits) / 8;
    const bytes = new Uint8Array(scales.length * blockBytes);
    for (const [g, scale] of scales.entries()) {
      putHalf(bytes, g * blockBytes, scale);
      putHalf(bytes, g * blockBytes + 2, minima[g]);
      put(codes, g * size, bytes, g * blockBytes + 4);
    }
    return bytes;
  };

/** -128 is left out: kernels negate codes. */
const byteLevels: Levels = { lowest: -127, count: 255 };
const byteDivisors = Array.from({ length: candidates }, (_, c) => 127 + (c % 2 === 0 ? 0.1 : -0.1) * c);

/** Where all magnitudes are the same or 0, the first is exact; else the best scale is well below the largest magnitude. */
const trits: Levels = { lowest: -1, count: 3 };
const tritDivisors = Array.from({ length: candidates }, (_, c) => 1 + 0.2 * c);

export const affineEncoders = {
  Q4_0: symmetric({ values: 32, bytes: 18, factorAt: 0, codesAt: 2, ...signedLevels(4), put: putNibbles }),
  Q4_1: withMinimum(4, putNibbles),
  Q5_0: symmetric({ values: 32, bytes: 22, factorAt: 0, codesAt: 2, ...signedLevels(5), put: putFiveBits }),
  Q5_1: withMinimum(5, putFiveBits),
  Q8_0: symmetric({
    ...{ values: 32, bytes: 34, factorAt: 0, codesAt: 2 },
    ...{ levels: byteLevels, divisors: byteDivisors, put: putSignedBytes },
  }),
  TQ1_0: symmetric({
    ...{ values: 256, bytes: 54, factorAt: 52, codesAt: 0 },
    ...{ levels: trits, divisors: tritDivisors, put: putTernary1 },
  }),
  TQ2_0: symmetric({
    ...{ values: 256, bytes: 66, factorAt: 64, codesAt: 0 },
    ...{ levels: trits, divisors: tritDivisors, put: putTernary2 },
  }),
} as const satisfies Record<string, BlockEncoder>;
