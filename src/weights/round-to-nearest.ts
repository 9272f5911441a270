import { bytesOf } from "../util/bytes.ts";
import { halfToFloat, narrowToHalf } from "../util/float16.ts";
import { packCodes } from "./affine-codes.ts";
import type { AffineBits, AffineZeroWeight } from "./packed-weight.ts";
import { symmetricZero } from "./zero-points.ts";

export interface RoundingOptions {
  readonly bits: AffineBits;
  /** Must divide the input features. */
  readonly groupSize: number;
  readonly symmetric: boolean;
}

/** Largest f16 that is finite, and smallest that is not 0. */
const largestHalf = 65504;
const smallestHalf = 2 ** -24;

/**
 * Values [outFeatures][inFeatures] rounded to the nearest codes of their groups. With zero points, the codes span the group's range and
 * 0; symmetric, 2^(b-1) - 1 steps reach its largest magnitude. Scales are f16; codes are chosen for the scale after it was rounded.
 */
export function roundToNearest(
  values: Float32Array,
  inFeatures: number,
  outFeatures: number,
  { bits, groupSize, symmetric }: RoundingOptions,
): AffineZeroWeight {
  const groups = inFeatures / groupSize;
  const largest = 2 ** bits - 1;
  const codes = new Uint8Array(values.length);
  const scales = new Uint16Array(groups * outFeatures);
  const zeros = new Uint8Array(groups * outFeatures);
  for (let n = 0; n < outFeatures; n++) {
    for (let g = 0; g < groups; g++) {
      const start = n * inFeatures + g * groupSize;
      let low = 0;
      let high = 0;
      for (let i = start; i < start + groupSize; i++) {
        low = Math.min(low, values[i]);
        high = Math.max(high, values[i]);
      }
      const step = symmetric ? Math.max(-low, high) / (symmetricZero(bits) - 1) : (high - low) / largest;
      const [half] = narrowToHalf(Float32Array.of(Math.min(Math.max(step, smallestHalf), largestHalf)));
      const scale = halfToFloat(half);
      const zero = symmetric ? symmetricZero(bits) : Math.min(largest, Math.round(-low / scale));
      for (let i = start; i < start + groupSize; i++) {
        codes[i] = Math.min(largest, Math.max(0, Math.round(values[i] / scale) + zero));
      }
      scales[g * outFeatures + n] = half;
      zeros[g * outFeatures + n] = zero;
    }
  }
  const order = "lsb-rows";
  return {
    scheme: "affine-zero",
    ...{ inFeatures, outFeatures, bits, groupSize, order },
    codes: packCodes(codes, bits, inFeatures, outFeatures, order),
    scales: bytesOf(scales),
    scaleType: "f16",
    ...(!symmetric && { zeros: { bytes: zeros, order: "bytes" } }),
  };
}
