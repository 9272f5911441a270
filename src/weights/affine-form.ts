import { bytesOf } from "../util/bytes.ts";
import { floatToHalf, halfToFloat } from "../util/float16.ts";
import { packCodes, unpackCodes } from "./affine-codes.ts";
import { groupCount } from "./affine-groups.ts";
import { blockAffineForm } from "./blocks/block-affine-form.ts";
import { floatValues } from "./float-values.ts";
import { floatBytes, type AffineZeroWeight, type CodeOrder, type PackedWeight } from "./packed-weight.ts";
import { forEachKept } from "./sparse-24.ts";
import { symmetricZero, unpackZeros } from "./zero-points.ts";

/**
 * The weight as codes, scales and zero points with the same values, bit for bit; zero points that are all those of a symmetric weight
 * are left out. Undefined: its scheme has no such form.
 */
export function affineForm(weight: PackedWeight): AffineZeroWeight | undefined {
  switch (weight.scheme) {
    case "affine-zero": {
      if (weight.divisor !== undefined) return undefined; // a division rounds once more
      const middle = symmetricZero(weight.bits);
      if (weight.zeros === undefined || zeroPoints(weight).some((zero) => zero !== middle)) return weight;
      const { zeros: _, ...symmetric } = weight;
      return symmetric;
    }
    case "sparse-24": {
      const { inFeatures, outFeatures, bits, groupSize, scales, scaleType } = weight;
      const codes = new Uint8Array(inFeatures * outFeatures).fill(symmetricZero(bits)); // what is not kept is 0
      for (let n = 0; n < outFeatures; n++) {
        forEachKept(weight, n, (k, code) => {
          codes[n * inFeatures + k] = code;
        });
      }
      const order = "lsb-rows";
      const packed = packCodes(codes, bits, inFeatures, outFeatures, order);
      const shape = { inFeatures, outFeatures, bits, groupSize };
      return { scheme: "affine-zero", ...shape, codes: packed, order, scales, scaleType };
    }
    case "block":
      return blockAffineForm(weight);
    case "affine-mixed":
    case "dense":
    case "float8":
    case "codebook":
      return undefined;
  }
}

/** Codes as `order` has them, which must be able to hold them. */
export function codesAs(weight: AffineZeroWeight, order: CodeOrder): Uint8Array {
  const { bits, inFeatures, outFeatures } = weight;
  return weight.order === order ? weight.codes : packCodes(unpackCodes(weight), bits, inFeatures, outFeatures, order);
}

/** Zero points one a byte, [groups][outFeatures]; a symmetric weight's too. */
export function zeroPoints(weight: AffineZeroWeight): Uint8Array {
  const { bits, outFeatures, zeros } = weight;
  const groups = groupCount(weight);
  if (zeros === undefined) return new Uint8Array(groups * outFeatures).fill(symmetricZero(bits));
  return unpackZeros(zeros, bits, groups, outFeatures);
}

/** Scales as f16, where these hold every one of them exactly; else undefined. */
export function scalesAsHalves({ scales, scaleType }: AffineZeroWeight): Uint8Array | undefined {
  if (scaleType === "f16") return scales;
  const values = floatValues(scales, scaleType);
  const halves = Uint16Array.from(values, floatToHalf);
  return values.every((value, i) => Object.is(halfToFloat(halves[i]), value)) ? bytesOf(halves) : undefined;
}

/** The weight with its groups cut into smaller ones of the same scales. `groupSize` must divide the weight's own, and its inputs. */
export function cutGroups(weight: AffineZeroWeight, groupSize: number): AffineZeroWeight {
  const times = weight.groupSize / groupSize;
  if (times === 1) return weight;
  const { outFeatures, zeros, scales, scaleType } = weight;
  const groups = weight.inFeatures / groupSize;
  return {
    ...weight,
    groupSize,
    scales: repeatRows(scales, outFeatures * floatBytes[scaleType], groups, times),
    ...(zeros && { zeros: { bytes: repeatRows(zeroPoints(weight), outFeatures, groups, times), order: "bytes" } }),
  };
}

function repeatRows(bytes: Uint8Array, rowBytes: number, rows: number, times: number): Uint8Array {
  const found = new Uint8Array(rowBytes * rows);
  for (let row = 0; row < rows; row++) {
    const from = Math.floor(row / times) * rowBytes;
    found.set(bytes.subarray(from, from + rowBytes), row * rowBytes);
  }
  return found;
}
