import type { BlockEncoder } from "./block-encoder.ts";
import { candidates, type CandidateSearch, type Levels } from "./candidate-search.ts";
import { e2m1Values, nonLinearValues, unsignedE4m3 } from "./codebook-blocks.ts";
import { putHalf } from "./put-float.ts";
import { bestOfEach, chosen, extremeOf, searchScales, toHalf } from "./search-scales.ts";

/** A table in ascending order, and which code each place of it has. */
function sorted(values: readonly number[]): { readonly levels: Levels; readonly codeOf: Uint8Array } {
  const codes = values.map((_, code) => code).sort((a, b) => values[a] - values[b] || a - b);
  return {
    levels: { lowest: 0, count: codes.length, table: Float64Array.from(codes, (code) => values[code]) },
    codeOf: Uint8Array.from(codes),
  };
}

const nonLinear = sorted(nonLinearValues);
const e2m1 = sorted(e2m1Values);

function putNibbles(places: Uint8Array, codeOf: Uint8Array, from: number, half: number, bytes: Uint8Array, at: number) {
  for (let i = 0; i < half; i++) bytes[at + i] = codeOf[places[from + i]] | (codeOf[places[from + half + i]] << 4);
}

const nonLinearDivisors = Array.from({ length: candidates }, (_, c) =>
  c < 9 ? -127 - 2 * (c % 2 ? c : -c) : 89 + 6 * (c - 9),
);

const iq4nl: BlockEncoder = async (values, search) => {
  const { levels, codeOf } = nonLinear;
  const scales = await searchScales({ values, size: 32, levels }, nonLinearDivisors, search, toHalf);
  const places = new Uint8Array(values.length);
  await search.encode({ values, size: 32, levels, scales }, places);
  const bytes = new Uint8Array(scales.length * 18);
  for (const [g, scale] of scales.entries()) {
    putHalf(bytes, 18 * g, scale);
    putNibbles(places, codeOf, 32 * g, 16, bytes, 18 * g + 2);
  }
  return bytes;
};

/** Groups whose scale is a byte: the bytes near a first guess are tried, what they stand for being `valueOf`. */
async function searchBytes(
  values: Float32Array,
  size: number,
  guess: (extreme: number) => number,
  valueOf: (byte: number) => number,
  [lowest, highest]: readonly [number, number],
  search: CandidateSearch,
): Promise<{ readonly bytes: Uint8Array; readonly places: Uint8Array }> {
  const { levels } = e2m1;
  const groups = values.length / size;
  const tried = new Uint8Array(groups * candidates);
  const scales = new Float64Array(groups * candidates);
  for (let g = 0, i = 0; g < groups; g++) {
    const centre = guess(Math.abs(extremeOf(values, g * size, size)));
    for (let c = 0; c < candidates; c++, i++) {
      const offset = c % 2 === 0 ? c / 2 : -(c + 1) / 2;
      tried[i] = Math.min(highest, Math.max(lowest, centre + offset));
      scales[i] = valueOf(tried[i]);
    }
  }
  const errors = new Float64Array(scales.length);
  await search.measure({ values, size, levels, scales }, errors);
  const best = bestOfEach(errors);
  const places = new Uint8Array(values.length);
  await search.encode({ values, size, levels, scales: chosen(scales, best) }, places);
  return { bytes: Uint8Array.from(best, (c) => tried[c]), places };
}

const largestE2m1 = 6;

/** The exponent that brings the largest magnitude into the binade of 4 to 8, as the specification wants it, or one nearby. */
const mxfp4: BlockEncoder = async (values, search) => {
  const guess = (extreme: number): number => (extreme === 0 ? 0 : Math.floor(Math.log2(extreme)) - 2 + 127);
  const { bytes: exponents, places } = await searchBytes(
    values,
    32,
    guess,
    (byte) => 2 ** (byte - 127),
    [0, 254],
    search,
  );
  const bytes = new Uint8Array(exponents.length * 17);
  for (const [g, exponent] of exponents.entries()) {
    bytes[17 * g] = exponent;
    putNibbles(places, e2m1.codeOf, 32 * g, 16, bytes, 17 * g + 1);
  }
  return bytes;
};

/** Scales in ascending order are bytes in ascending order; 127 would be no number, and is 0. */
const lastE4m3 = 126;

function nearestE4m3(value: number): number {
  let [low, high] = [0, lastE4m3];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (unsignedE4m3(middle) < value) low = middle + 1;
    else high = middle;
  }
  return low > 0 && value - unsignedE4m3(low - 1) < unsignedE4m3(low) - value ? low - 1 : low;
}

const nvfp4: BlockEncoder = async (values, search) => {
  const guess = (extreme: number): number => nearestE4m3(extreme / largestE2m1);
  const { bytes: scales, places } = await searchBytes(values, 16, guess, unsignedE4m3, [0, lastE4m3], search);
  const bytes = new Uint8Array((scales.length / 4) * 36);
  for (const [g, scale] of scales.entries()) {
    const at = 36 * (g >> 2);
    bytes[at + (g % 4)] = scale;
    putNibbles(places, e2m1.codeOf, 16 * g, 8, bytes, at + 4 + 8 * (g % 4));
  }
  return bytes;
};

export const codebookEncoders = {
  IQ4_NL: iq4nl,
  MXFP4: mxfp4,
  NVFP4: nvfp4,
} as const satisfies Record<string, BlockEncoder>;
