import { packCodes } from "../affine-codes.ts";
import { symmetricZero } from "../zero-points.ts";
import { bytesOf } from "../../util/bytes.ts";
import { floatToHalf, halfToFloat } from "../../util/float16.ts";
import type { AffineBits, AffineZeroWeight, BlockWeight } from "../packed-weight.ts";
import { blockLayouts, type BlockType } from "./block-type.ts";
import { readBlocks } from "./read-blocks.ts";

/** Bytes of a block from `at` on. */
interface Patch {
  readonly at: number;
  readonly bytes: readonly number[];
}

/**
 * How a block falls into codes and scales: its own reader says which, when it reads the block with the scales overwritten by ones, or with
 * every code overwritten by that of one.
 */
interface Dissection {
  readonly bits: AffineBits;
  /** The zero point: what is added to whole multiples of a scale, so that none is negative. */
  readonly zero: number;
  /** Makes every scale 1, and minima 0. */
  readonly unitScales: readonly Patch[];
  /** Makes every multiple 1, and minima 0. */
  readonly unitCodes: readonly Patch[];
  /** Makes every multiple 0, so that minima are left. Absent: the type has none. */
  readonly zeroCodes?: readonly Patch[];
}

const halfOne = [0x00, 0x3c];
const floatOne = [0x00, 0x00, 0x80, 0x3f];
const patch = (at: number, bytes: readonly number[]): Patch => ({ at, bytes });
const fill = (at: number, count: number, byte: number): Patch => patch(at, new Array<number>(count).fill(byte));

/** A scale in front of so many bytes of codes. */
const scaleFirst = (
  bits: AffineBits,
  zero: number,
  one: readonly number[],
  codeBytes: number,
  unit: number,
): Dissection => ({
  ...{ bits, zero },
  unitScales: [patch(0, one)],
  unitCodes: [fill(one.length, codeBytes, unit)],
});

/** The same with a minimum behind the scale. */
const minimumSecond = (
  bits: AffineBits,
  one: readonly number[],
  codeBytes: number,
  unit: readonly number[],
): Dissection => {
  const noMinimum = fill(one.length, one.length, 0);
  return {
    ...{ bits, zero: 0 },
    unitScales: [patch(0, one), noMinimum],
    unitCodes: [noMinimum, patch(2 * one.length, unit)],
    zeroCodes: [fill(2 * one.length, codeBytes, 0)],
  };
};

/** Of 5 bits: no fifth bit, and the nibble 1, where codes are whole; where they are less 16, each fifth bit. */
const fiveBitOne = (high: number): readonly number[] => [
  ...new Array<number>(4).fill(high),
  ...new Array<number>(16).fill(0x11),
];

const fiveBitSymmetric: Dissection = {
  ...{ bits: 5, zero: 16 },
  unitScales: [patch(0, halfOne)],
  unitCodes: [patch(2, fiveBitOne(0xff))],
};

const dissections: Partial<Readonly<Record<BlockType, Dissection>>> = {
  Q1_0: scaleFirst(2, 2, halfOne, 16, 0xff),
  Q2_0: scaleFirst(2, 1, halfOne, 16, 0xaa),
  Q4_0: scaleFirst(4, 8, halfOne, 16, 0x99),
  Q4_1: minimumSecond(4, halfOne, 16, new Array<number>(16).fill(0x11)),
  Q5_0: fiveBitSymmetric,
  Q5_1: minimumSecond(5, halfOne, 20, fiveBitOne(0)),
  Q8_0: scaleFirst(8, 128, halfOne, 32, 1),
  TQ1_0: { bits: 2, zero: 2, unitScales: [patch(52, halfOne)], unitCodes: [fill(0, 52, 0xff)] },
  TQ2_0: { bits: 2, zero: 1, unitScales: [patch(64, halfOne)], unitCodes: [fill(0, 64, 0xaa)] },
  // Scales are 6 bits less 32: all 33.
  Q3_K: {
    ...{ bits: 3, zero: 4 },
    unitScales: [fill(96, 8, 0x11), fill(104, 4, 0xaa), patch(108, halfOne)],
    unitCodes: [fill(0, 32, 0xff), fill(32, 64, 0x55)],
  },
  Q6_K: {
    ...{ bits: 6, zero: 32 },
    unitScales: [fill(192, 16, 1), patch(208, halfOne)],
    unitCodes: [fill(0, 128, 0x11), fill(128, 64, 0xaa)],
  },
  Q4_0_V1: scaleFirst(4, 8, floatOne, 16, 0x99),
  Q4_1_V1: minimumSecond(4, floatOne, 16, new Array<number>(16).fill(0x11)),
  Q5_0_V1: fiveBitSymmetric,
  Q5_1_V1: minimumSecond(5, halfOne, 20, fiveBitOne(0)),
  Q4_0_V2: scaleFirst(4, 8, floatOne, 16, 0x99),
  Q4_1_V2: minimumSecond(4, floatOne, 16, new Array<number>(16).fill(0x11)),
  Q8_0_V2: scaleFirst(8, 128, floatOne, 32, 1),
};

/** Weights taken apart at a time: few enough that they stay in a cache. */
const chunkValues = 2 ** 16;

/**
 * Blocks as codes, scales and zero points with the same values, bit for bit. Undefined: there is no such form, because the type has tables
 * or two levels of minima, because a minimum is no whole multiple of its scale, or because of a factor of the whole weight.
 */
export function blockAffineForm(weight: BlockWeight): AffineZeroWeight | undefined {
  const dissection = dissections[weight.type];
  if (dissection === undefined || weight.factor !== undefined) return undefined;
  const { inFeatures, outFeatures, type, blocks } = weight;
  const { bits, zero, unitScales, unitCodes, zeroCodes } = dissection;
  const { values, bytes, groupSize } = blockLayouts[type];
  const groups = inFeatures / groupSize;
  const codes = new Uint8Array(outFeatures * inFeatures);
  const scales = new Float32Array(groups * outFeatures);
  const zeros = new Uint8Array(groups * outFeatures).fill(zero);
  const chunkBlocks = Math.max(1, Math.floor(chunkValues / values));
  for (let start = 0; start * bytes < blocks.byteLength; start += chunkBlocks) {
    const chunk = blocks.subarray(start * bytes, (start + chunkBlocks) * bytes);
    const multiples = readBlocks(type, patched(chunk, bytes, unitScales));
    for (let i = 0; i < multiples.length; i++) codes[start * values + i] = multiples[i] + zero;
    const ones = readBlocks(type, patched(chunk, bytes, unitCodes));
    const minima = zeroCodes && readBlocks(type, patched(chunk, bytes, zeroCodes));
    for (let i = 0; i < ones.length; i += groupSize) {
      const at = (start * values + i) / groupSize;
      const place = (at % groups) * outFeatures + Math.floor(at / groups);
      scales[place] = ones[i];
      if (minima === undefined) continue;
      const found = zeroPointOf(minima[i], ones[i], bits);
      if (found === undefined) return undefined;
      zeros[place] = found;
    }
  }
  const order = "lsb-rows";
  const middle = symmetricZero(bits);
  return {
    scheme: "affine-zero",
    ...{ inFeatures, outFeatures, bits, groupSize, order },
    codes: packCodes(codes, bits, inFeatures, outFeatures, order),
    ...narrowed(scales),
    ...(zeros.some((value) => value !== middle) && { zeros: { bytes: zeros, order: "bytes" } }),
  };
}

function patched(chunk: Uint8Array, blockBytes: number, patches: readonly Patch[]): Uint8Array {
  const copy = chunk.slice();
  for (let block = 0; block < copy.byteLength; block += blockBytes)
    for (const { at, bytes } of patches) copy.set(bytes, block + at);
  return copy;
}

/** The z with -z * scale = minimum; undefined: there is none that the bits hold. */
function zeroPointOf(minimum: number, scale: number, bits: AffineBits): number | undefined {
  const zero = minimum === 0 ? 0 : -minimum / scale;
  return Number.isInteger(zero) && zero >= 0 && zero < 2 ** bits ? zero : undefined;
}

/** f16 where it holds all of them, as in most types' blocks. */
function narrowed(scales: Float32Array): Pick<AffineZeroWeight, "scales" | "scaleType"> {
  const halves = Uint16Array.from(scales, floatToHalf);
  return scales.every((value, i) => Object.is(halfToFloat(halves[i]), value))
    ? { scales: bytesOf(halves), scaleType: "f16" }
    : { scales: bytesOf(scales), scaleType: "f32" };
}
