import { asUint32 } from "../../util/bytes.ts";
import { UnsupportedError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { floatValues } from "../../weights/float-values.ts";
import type { FloatType } from "../../weights/packed-weight.ts";
import type { AwqShapes } from "./read-shapes.ts";

/** Which of a word's eight outputs each of its nibbles is. */
export const outputOfNibble = [0, 2, 4, 6, 1, 3, 5, 7] as const;

/** Zero points of gemm, words [groups][outFeatures / 8], one a byte as [groups][outFeatures]. */
export function readGemmZeros(bytes: Uint8Array): Uint8Array {
  const words = asUint32(bytes);
  const zeros = new Uint8Array(8 * words.length);
  for (let w = 0; w < words.length; w++) {
    for (let t = 0; t < 8; t++) zeros[8 * w + outputOfNibble[t]] = (words[w] >>> (4 * t)) & 15;
  }
  return zeros;
}

/** Zero points of gemv, words [outFeatures][padded groups / 8], as [groups][outFeatures]. */
export function readGemvZeros(bytes: Uint8Array, { groups, outFeatures }: AwqShapes): Uint8Array {
  const words = asUint32(bytes);
  const rowWords = words.length / outFeatures;
  const zeros = new Uint8Array(groups * outFeatures);
  for (let g = 0, i = 0; g < groups; g++) {
    const shift = 4 * (g % 8);
    for (let n = 0; n < outFeatures; n++) zeros[i++] = (words[n * rowWords + (g >>> 3)] >>> shift) & 15;
  }
  return zeros;
}

/** How far from a whole number a quotient of two fp16 numbers may be: the product of a scale and at most 15 was rounded once. */
const mostFraction = 15 / 2048 + 1e-3;

/**
 * Zero points of gemv_fast, floats -scale * zero [at least groups][outFeatures], as whole numbers [groups][outFeatures]. The file's
 * product is rounded to its float type; what a weight is quantized to, (code - zero) * scale, is read without that rounding. Throws
 * UnsupportedError for products of zero points that are not whole.
 */
export function readScaledZeros(
  module: string,
  scaled: { readonly bytes: Uint8Array; readonly type: FloatType },
  scales: { readonly bytes: Uint8Array; readonly type: FloatType },
  { groups, outFeatures }: AwqShapes,
): Uint8Array {
  const products = floatValues(scaled.bytes, scaled.type);
  const factors = floatValues(scales.bytes, scales.type);
  const zeros = new Uint8Array(groups * outFeatures);
  for (let i = 0; i < zeros.length; i++) {
    const quotient = factors[i] === 0 ? 0 : -products[i] / factors[i]; // with a scale of 0 any zero point does
    const zero = Math.round(quotient);
    if (!(zero >= 0 && zero <= 15 && Math.abs(quotient - zero) <= mostFraction)) {
      throw new UnsupportedError(
        `${quote(module)}: the zero point of group ${Math.floor(i / outFeatures)}, output ${i % outFeatures} is ${quotient}; ` +
          "whole ones from 0 to 15 can be read",
      );
    }
    zeros[i] = zero;
  }
  return zeros;
}
