import type { BlockEncoder } from "./block-encoder.ts";
import { candidates, type Levels } from "./candidate-search.ts";
import { putHalf } from "./put-float.ts";
import { bestOfEach, chosen, extremeOf, searchScales, searchScalesAndMinima, toHalf } from "./search-scales.ts";

/** Weights of a super-block. */
const blockValues = 256;

/** What a super-block is made of: factors, the small integers of its sub-blocks, and codes. */
interface Parts {
  readonly factor: number;
  readonly minimumFactor: number;
  /** Of the sub-blocks of the block at hand, from `firstScale` on. */
  readonly scales: Int32Array;
  readonly minima: Int32Array;
  readonly firstScale: number;
  readonly codes: Uint8Array;
  readonly firstCode: number;
}

type PutBlock = (parts: Parts, bytes: Uint8Array, at: number) => void;

interface TwoLevelType {
  readonly bytes: number;
  readonly size: 16 | 32;
  readonly levels: Levels;
  /** Of the sub-blocks' integers. */
  readonly lowestScale: number;
  readonly highestScale: number;
  readonly put: PutBlock;
}

const clamp = (x: number, low: number, high: number): number => Math.min(high, Math.max(low, x));
const divide = (x: number, by: number): number => (by === 0 ? 0 : x / by);

/**
 * value = factor · scale · code. The sub-blocks' scales are searched as if they could be any number; the one of largest magnitude gives
 * the factor; then each sub-block takes the best of the integers near its own.
 */
const symmetric = ({ bytes: blockBytes, size, levels, lowestScale, highestScale, put }: TwoLevelType): BlockEncoder => {
  const extremes = [0, -0.8, -0.6, -0.4, -0.2, 0.2, 0.4, 0.6, 0.8, 1.2].map((offset) => levels.lowest - offset);
  const others = [-0.4, 0, 0.4, 0.8, 1.2, 1.6].map((offset) => levels.lowest + levels.count - 1 + offset);
  const divisors = [...extremes, ...others];
  const perBlock = blockValues / size;
  return async (values, search) => {
    const wanted = await searchScales({ values, size, levels }, divisors, search);
    const blocks = values.length / blockValues;
    const factors = new Float64Array(blocks);
    const tried = new Int32Array(wanted.length * candidates);
    const scales = new Float64Array(tried.length);
    for (let b = 0, i = 0; b < blocks; b++) {
      factors[b] = toHalf(extremeOf(wanted, b * perBlock, perBlock) / lowestScale);
      for (let g = b * perBlock; g < (b + 1) * perBlock; g++) {
        const nearest = Math.round(divide(wanted[g], factors[b]));
        for (let c = 0; c < candidates; c++, i++) {
          tried[i] = clamp(nearest + nearby[c], lowestScale, highestScale);
          scales[i] = factors[b] * tried[i];
        }
      }
    }
    const errors = new Float64Array(scales.length);
    await search.measure({ values, size, levels, scales }, errors);
    const best = bestOfEach(errors);
    const codes = new Uint8Array(values.length);
    await search.encode({ values, size, levels, scales: chosen(scales, best) }, codes);
    const integers = best.map((c) => tried[c]);
    return putAll(put, { blocks, blockBytes, perBlock, factors, integers, codes });
  };
};

/** Distances from the nearest integer, the nearest first. */
const nearby: readonly number[] = Array.from({ length: candidates }, (_, c) => (c % 2 === 0 ? c / 2 : -(c + 1) / 2));

/**
 * value = factor · scale · code − minimumFactor · minimum. As `symmetric`; each sub-block tries the pairs of integers near its own.
 */
const withMinimum = ({ bytes: blockBytes, size, levels, highestScale, put }: TwoLevelType): BlockEncoder => {
  const perBlock = blockValues / size;
  return async (values, search) => {
    const wanted = await searchScalesAndMinima({ values, size, levels }, true, search);
    const blocks = values.length / blockValues;
    const factorOf = (all: Float64Array, b: number): number =>
      toHalf(Math.abs(extremeOf(all, b * perBlock, perBlock)) / highestScale);
    const factors = new Float64Array(blocks);
    const minimumFactors = new Float64Array(blocks);
    const groups = wanted.scales.length;
    const scaleIntegers = new Int32Array(groups * candidates);
    const minimumIntegers = new Int32Array(groups * candidates);
    const scales = new Float64Array(groups * candidates);
    const minima = new Float64Array(groups * candidates);
    for (let b = 0, i = 0; b < blocks; b++) {
      factors[b] = factorOf(wanted.scales, b);
      minimumFactors[b] = factorOf(wanted.minima, b);
      for (let g = b * perBlock; g < (b + 1) * perBlock; g++) {
        const scale = Math.round(divide(wanted.scales[g], factors[b]));
        const minimum = Math.round(divide(-wanted.minima[g], minimumFactors[b]));
        for (let c = 0; c < candidates; c++, i++) {
          scaleIntegers[i] = clamp(scale + nearbyScales[c], 0, highestScale);
          minimumIntegers[i] = clamp(minimum + nearbyMinima[c], 0, highestScale);
          scales[i] = factors[b] * scaleIntegers[i];
          minima[i] = -(minimumFactors[b] * minimumIntegers[i]);
        }
      }
    }
    const errors = new Float64Array(scales.length);
    await search.measure({ values, size, levels, scales, minima }, errors);
    const best = bestOfEach(errors);
    const codes = new Uint8Array(values.length);
    const ofGroups = { scales: chosen(scales, best), minima: chosen(minima, best) };
    await search.encode({ values, size, levels, ...ofGroups }, codes);
    return putAll(put, {
      ...{ blocks, blockBytes, perBlock, factors, minimumFactors, codes },
      integers: best.map((c) => scaleIntegers[c]),
      minimumIntegers: best.map((c) => minimumIntegers[c]),
    });
  };
};

/** Pairs of distances, the nearest pair first; the two move together as a rule, since a wider range begins lower. */
const nearbyScales: readonly number[] = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, 2];
const nearbyMinima: readonly number[] = [0, -1, 1, -2, 2, 0, -1, 1, 2, 3, 0, -1, 1, -2, -3, 2];

interface Encoded {
  readonly blocks: number;
  readonly blockBytes: number;
  readonly perBlock: number;
  readonly factors: Float64Array;
  readonly minimumFactors?: Float64Array;
  readonly integers: Int32Array;
  readonly minimumIntegers?: Int32Array;
  readonly codes: Uint8Array;
}

const none = new Int32Array(0);

function putAll(put: PutBlock, encoded: Encoded): Uint8Array {
  const { blocks, blockBytes, perBlock, factors, minimumFactors, integers, minimumIntegers = none, codes } = encoded;
  const bytes = new Uint8Array(blocks * blockBytes);
  for (let b = 0; b < blocks; b++) {
    const parts = {
      factor: factors[b],
      minimumFactor: minimumFactors?.[b] ?? 0,
      ...{ scales: integers, minima: minimumIntegers, firstScale: b * perBlock },
      ...{ codes, firstCode: b * blockValues },
    };
    put(parts, bytes, b * blockBytes);
  }
  return bytes;
}

/** Two bits of each of 4 × 32 weights in 32 bytes. */
function putPairs(codes: Uint8Array, from: number, shift: number, bytes: Uint8Array, at: number): void {
  for (let i = 0; i < blockValues; i++) {
    bytes[at + 32 * (i >> 7) + (i % 32)] |= ((codes[from + i] >> shift) & 3) << (2 * ((i >> 5) % 4));
  }
}

/** The low nibbles of 32 bytes are one sub-block, the high ones the next. */
function putNibbles(codes: Uint8Array, from: number, bytes: Uint8Array, at: number): void {
  for (let i = 0; i < blockValues; i++)
    bytes[at + 32 * (i >> 6) + (i % 32)] |= (codes[from + i] & 15) << (4 * ((i >> 5) % 2));
}

/** Eight 6-bit scales and eight minima in 12 bytes; the last four of each have their high bits in the first four's bytes. */
function putScales45({ scales, minima, firstScale }: Parts, bytes: Uint8Array, at: number): void {
  for (let s = 0; s < 4; s++) {
    const [low, high] = [scales[firstScale + s], scales[firstScale + s + 4]];
    const [lowMinimum, highMinimum] = [minima[firstScale + s], minima[firstScale + s + 4]];
    bytes[at + s] = low | ((high >> 4) << 6);
    bytes[at + s + 4] = lowMinimum | ((highMinimum >> 4) << 6);
    bytes[at + s + 8] = (high & 15) | ((highMinimum & 15) << 4);
  }
}

const putQ2K: PutBlock = ({ factor, minimumFactor, scales, minima, firstScale, codes, firstCode }, bytes, at) => {
  for (let s = 0; s < 16; s++) bytes[at + s] = scales[firstScale + s] | (minima[firstScale + s] << 4);
  putPairs(codes, firstCode, 0, bytes, at + 16);
  putHalf(bytes, at + 80, factor);
  putHalf(bytes, at + 82, minimumFactor);
};

const putQ3K: PutBlock = ({ factor, scales, firstScale, codes, firstCode }, bytes, at) => {
  for (let i = 0; i < blockValues; i++)
    bytes[at + (i % 32)] |= (codes[firstCode + i] >> 2) << (4 * (i >> 7) + ((i >> 5) % 4));
  putPairs(codes, firstCode, 0, bytes, at + 32);
  for (let s = 0; s < 16; s++) {
    const scale = scales[firstScale + s] + 32;
    bytes[at + 96 + (s % 8)] |= (scale & 15) << (4 * (s >> 3));
    bytes[at + 104 + (s % 4)] |= (scale >> 4) << (2 * (s >> 2));
  }
  putHalf(bytes, at + 108, factor);
};

const putQ4K: PutBlock = (parts, bytes, at) => {
  putHalf(bytes, at, parts.factor);
  putHalf(bytes, at + 2, parts.minimumFactor);
  putScales45(parts, bytes, at + 4);
  putNibbles(parts.codes, parts.firstCode, bytes, at + 16);
};

const putQ5K: PutBlock = (parts, bytes, at) => {
  const { codes, firstCode } = parts;
  putHalf(bytes, at, parts.factor);
  putHalf(bytes, at + 2, parts.minimumFactor);
  putScales45(parts, bytes, at + 4);
  for (let i = 0; i < blockValues; i++) bytes[at + 16 + (i % 32)] |= (codes[firstCode + i] >> 4) << (i >> 5);
  putNibbles(codes, firstCode, bytes, at + 48);
};

const putQ6K: PutBlock = ({ factor, scales, firstScale, codes, firstCode }, bytes, at) => {
  for (let i = 0; i < blockValues; i++) {
    const [h, j, r] = [i >> 7, (i >> 5) % 4, i % 32];
    bytes[at + 64 * h + 32 * (j % 2) + r] |= (codes[firstCode + i] & 15) << (4 * (j >> 1));
  }
  putPairs(codes, firstCode, 4, bytes, at + 128);
  for (let s = 0; s < 16; s++) bytes[at + 192 + s] = scales[firstScale + s];
  putHalf(bytes, at + 208, factor);
};

const six = { lowestScale: 0, highestScale: 63 };

export const twoLevelEncoders = {
  Q2_K: withMinimum({
    ...{ bytes: 84, size: 16, levels: { lowest: 0, count: 4 } },
    ...{ lowestScale: 0, highestScale: 15, put: putQ2K },
  }),
  Q3_K: symmetric({
    ...{ bytes: 110, size: 16, levels: { lowest: -4, count: 8 } },
    ...{ lowestScale: -32, highestScale: 31, put: putQ3K },
  }),
  Q4_K: withMinimum({ bytes: 144, size: 32, levels: { lowest: 0, count: 16 }, ...six, put: putQ4K }),
  Q5_K: withMinimum({ bytes: 176, size: 32, levels: { lowest: 0, count: 32 }, ...six, put: putQ5K }),
  Q6_K: symmetric({
    ...{ bytes: 210, size: 16, levels: { lowest: -32, count: 64 } },
    ...{ lowestScale: -128, highestScale: 127, put: putQ6K },
  }),
} as const satisfies Record<string, BlockEncoder>;
