import { floatToHalf, halfToFloat } from "../../util/float16.ts";
import { candidates, type CandidateSearch, type Levels } from "./candidate-search.ts";

/** Groups of successive values and the levels that they get. */
export interface GroupValues {
  readonly values: Float32Array;
  readonly size: number;
  readonly levels: Levels;
}

/** One of each for every group. */
export interface GroupScales {
  readonly scales: Float64Array;
  readonly minima: Float64Array;
}

/** Largest f16. A scale beyond it is cut, and its group with it. */
const largestHalf = 65504;

export const toHalf = (x: number): number => halfToFloat(floatToHalf(Math.min(largestHalf, Math.max(-largestHalf, x))));

const asIs = (x: number): number => x;

/**
 * Scales without minima. `divisors` are what a group's value of largest magnitude is divided by for a first guess: its level. Each guess
 * is fitted by least squares to its own codes; the first guess itself stays in the race. `round` is how scales are stored.
 */
export async function searchScales(
  { values, size, levels }: GroupValues,
  divisors: readonly number[],
  search: CandidateSearch,
  round: (scale: number) => number = asIs,
): Promise<Float64Array> {
  const groups = values.length / size;
  const scales = new Float64Array(groups * candidates);
  const anchors = new Float64Array(groups);
  const isEven = 2 * levels.lowest + levels.count - 1 === 0; // then the sign of a scale is no choice
  for (let g = 0; g < groups; g++) {
    const signed = extremeOf(values, g * size, size);
    const extreme = isEven ? Math.abs(signed) : signed;
    anchors[g] = round(extreme / divisors[0]);
    for (let c = 0; c < candidates; c++) scales[g * candidates + c] = extreme / divisors[c % divisors.length];
  }
  await search.refit({ values, size, levels, scales }, false);
  for (let c = 0; c < scales.length; c++) scales[c] = c % candidates === 0 ? anchors[c / candidates] : round(scales[c]);
  const errors = new Float64Array(scales.length);
  await search.measure({ values, size, levels, scales }, errors);
  return chosen(scales, bestOfEach(errors));
}

/**
 * Scales and minima. First guesses spread the levels over a little more or less than the group's range. `minimaAtMostZero`: as K-quants
 * want them, whose minima are subtracted.
 */
export async function searchScalesAndMinima(
  { values, size, levels }: GroupValues,
  minimaAtMostZero: boolean,
  search: CandidateSearch,
  round: (x: number) => number = asIs,
): Promise<GroupScales> {
  const groups = values.length / size;
  const scales = new Float64Array(groups * candidates);
  const minima = new Float64Array(groups * candidates);
  const anchors = new Float64Array(2 * groups);
  const steps = levels.count - 1;
  for (let g = 0; g < groups; g++) {
    let low = values[g * size];
    let high = low;
    for (let i = g * size + 1; i < (g + 1) * size; i++) {
      low = Math.min(low, values[i]);
      high = Math.max(high, values[i]);
    }
    if (minimaAtMostZero) low = Math.min(low, 0);
    anchors[2 * g] = round((high - low) / steps);
    anchors[2 * g + 1] = round(low);
    for (let c = 0; c < candidates; c++) {
      scales[g * candidates + c] = (high - low) / (steps + rangeOffsets[c]);
      minima[g * candidates + c] = low;
    }
  }
  await search.refit({ values, size, levels, scales, minima }, minimaAtMostZero);
  for (let c = 0; c < scales.length; c++) {
    const g = Math.floor(c / candidates);
    scales[c] = c % candidates === 0 ? anchors[2 * g] : round(scales[c]);
    minima[c] = c % candidates === 0 ? anchors[2 * g + 1] : round(minima[c]);
  }
  const errors = new Float64Array(scales.length);
  await search.measure({ values, size, levels, scales, minima }, errors);
  const best = bestOfEach(errors);
  return { scales: chosen(scales, best), minima: chosen(minima, best) };
}

/** How many levels more (or fewer) than there are the range is spread over: more of them cuts the ends. */
const rangeOffsets: readonly number[] = Array.from({ length: candidates }, (_, c) => -0.5 + 0.1 * c);

/** The place of each group's best candidate; the first of equals. */
export function bestOfEach(errors: Float64Array): Int32Array {
  const best = new Int32Array(errors.length / candidates);
  for (let g = 0; g < best.length; g++) {
    best[g] = g * candidates;
    for (let c = best[g] + 1; c < (g + 1) * candidates; c++) if (errors[c] < errors[best[g]]) best[g] = c;
  }
  return best;
}

/** What stands at the places, one for each group. */
export function chosen(from: Float64Array, places: Int32Array): Float64Array {
  const found = new Float64Array(places.length);
  for (let g = 0; g < places.length; g++) found[g] = from[places[g]];
  return found;
}

/** The value of largest magnitude, with its sign; the first of equals. */
export function extremeOf(values: Float32Array | Float64Array, start: number, count: number): number {
  let extreme = 0;
  for (let i = start; i < start + count; i++) if (Math.abs(values[i]) > Math.abs(extreme)) extreme = values[i];
  return extreme;
}
