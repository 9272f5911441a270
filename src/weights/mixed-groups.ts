import { streamWords } from "./lsb-stream.ts";

/** A run of rows of a MixedAffineWeight. */
export interface MixedGroup {
  readonly bits: (typeof mixedBits)[number];
  /** Rows that share a width and, in a column, a scale. */
  readonly inputs: number;
}

export const mixedBits = [2, 3, 4, 5, 6, 8] as const;

/** A group with its place in the weight. */
export interface PlacedGroup extends MixedGroup {
  readonly firstRow: number;
  /** Its rows of words in the codes. */
  readonly firstWord: number;
  readonly words: number;
}

export function placeGroups(groups: readonly MixedGroup[]): readonly PlacedGroup[] {
  let [firstRow, firstWord] = [0, 0];
  return groups.map(({ bits, inputs }) => {
    const placed = { bits, inputs, firstRow, firstWord, words: streamWords(bits, inputs) };
    firstRow += inputs;
    firstWord += placed.words;
    return placed;
  });
}

interface Mixed {
  readonly inFeatures: number;
  readonly groups: readonly MixedGroup[];
}

/** Rows of words that the codes take. */
export function mixedWords(groups: readonly MixedGroup[]): number {
  return groups.reduce((sum, { bits, inputs }) => sum + streamWords(bits, inputs), 0);
}

/** Bits of a code on average, to hundredths. */
export function meanBits({ inFeatures, groups }: Mixed): number {
  return Math.round((3200 * mixedWords(groups)) / inFeatures) / 100;
}

/** The largest number of whose multiples all groups begin; inFeatures where there is one. */
export function commonGroupSize({ inFeatures, groups }: Mixed): number {
  // The last group may be short: where it ends nothing begins.
  return groups.length === 1 ? inFeatures : groups.slice(0, -1).reduce((size, { inputs }) => gcd(size, inputs), 0);
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
