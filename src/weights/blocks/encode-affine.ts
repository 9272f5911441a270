import type { BlockEncoder } from "./block-encoder.ts";
import { candidates, type Levels } from "./candidate-search.ts";
import { putHalf } from "./put-float.ts";
import { searchScales, searchScalesAndMinima, toHalf } from "./search-scales.ts";

/** Writes the codes of one block, from index `from` on, behind the factors that begin at byte `at`. */
type PutCodes = (codes: Uint8Array, from: number, bytes: Uint8Array, at: number) => void;

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
  for (let i = 0; i < 32; i++) bytes[at + i] = codes[from + i] - 128;
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

interface AffineForm {
  readonly values: number;
  readonly bytes: number;
  readonly factorAt: number;
  /** Where a minimum is added. */
  readonly minimumAt?: number;
  readonly codesAt: number;
  readonly levels: Levels;
  readonly put: PutCodes;
}

/** Blocks of these codes (indices of levels), scales and minima, none of which is changed: all scales are f16. */
export function packAffineBlocks(
  type: keyof typeof forms,
  codes: Uint8Array,
  scales: Float64Array,
  minima?: Float64Array,
): Uint8Array {
  const { values: size, bytes: blockBytes, factorAt, minimumAt, codesAt, put }: AffineForm = forms[type];
  const bytes = new Uint8Array(scales.length * blockBytes);
  for (const [g, scale] of scales.entries()) {
    putHalf(bytes, g * blockBytes + factorAt, scale);
    if (minimumAt !== undefined) putHalf(bytes, g * blockBytes + minimumAt, minima?.[g] ?? 0);
    put(codes, g * size, bytes, g * blockBytes + codesAt);
  }
  return bytes;
}

const symmetric =
  (type: keyof typeof forms, divisors: readonly number[]): BlockEncoder =>
  async (values, search) => {
    const { values: size, levels } = forms[type];
    const scales = await searchScales({ values, size, levels }, divisors, search, toHalf);
    const codes = new Uint8Array(values.length);
    await search.encode({ values, size, levels, scales }, codes);
    return packAffineBlocks(type, codes, scales);
  };

const withMinimum =
  (type: "Q4_1" | "Q5_1"): BlockEncoder =>
  async (values, search) => {
    const { values: size, levels } = forms[type];
    const { scales, minima } = await searchScalesAndMinima({ values, size, levels }, false, search, toHalf);
    const codes = new Uint8Array(values.length);
    await search.encode({ values, size, levels, scales, minima }, codes);
    return packAffineBlocks(type, codes, scales, minima);
  };

const signed = (bits: number): Levels => ({ lowest: -(2 ** (bits - 1)), count: 2 ** bits });
const plain = (bits: number): Levels => ({ lowest: 0, count: 2 ** bits });
const trits: Levels = { lowest: -1, count: 3 };

const forms = {
  Q4_0: { values: 32, bytes: 18, factorAt: 0, codesAt: 2, levels: signed(4), put: putNibbles },
  Q4_1: { values: 32, bytes: 20, factorAt: 0, minimumAt: 2, codesAt: 4, levels: plain(4), put: putNibbles },
  Q5_0: { values: 32, bytes: 22, factorAt: 0, codesAt: 2, levels: signed(5), put: putFiveBits },
  Q5_1: { values: 32, bytes: 24, factorAt: 0, minimumAt: 2, codesAt: 4, levels: plain(5), put: putFiveBits },
  Q8_0: { values: 32, bytes: 34, factorAt: 0, codesAt: 2, levels: signed(8), put: putSignedBytes },
  TQ1_0: { values: 256, bytes: 54, factorAt: 52, codesAt: 0, levels: trits, put: putTernary1 },
  TQ2_0: { values: 256, bytes: 66, factorAt: 64, codesAt: 0, levels: trits, put: putTernary2 },
} as const satisfies Record<string, AffineForm>;

/** The levels of an affine type's codes. */
export function affineLevels(type: keyof typeof forms): Levels {
  return forms[type].levels;
}

/**
 * What the largest magnitude is divided by: the lowest level, as ggml does, then a little more and less of it, and then of the highest.
 */
function divisorsAround({ lowest, count }: Levels): readonly number[] {
  const below = [0, -0.8, -0.6, -0.4, -0.2, 0.2, 0.4, 0.6, 0.8].map((offset) => lowest - offset);
  const above = [-0.6, -0.3, 0, 0.3, 0.6, 0.9, 1.2].map((offset) => lowest + count - 1 + offset);
  return [...below, ...above];
}

/** Where all magnitudes are the same or 0, the first is exact; else the best scale is well below the largest magnitude. */
const tritDivisors = Array.from({ length: candidates }, (_, c) => 1 + 0.2 * c);

export const affineEncoders = {
  Q4_0: symmetric("Q4_0", divisorsAround(forms.Q4_0.levels)),
  Q4_1: withMinimum("Q4_1"),
  Q5_0: symmetric("Q5_0", divisorsAround(forms.Q5_0.levels)),
  Q5_1: withMinimum("Q5_1"),
  Q8_0: symmetric("Q8_0", divisorsAround(forms.Q8_0.levels)),
  TQ1_0: symmetric("TQ1_0", tritDivisors),
  TQ2_0: symmetric("TQ2_0", tritDivisors),
} as const satisfies Record<string, BlockEncoder>;
