import { affineBits, type AffineBits, type CodeOrder, type PackedCodes } from "./packed-weight.ts";

export interface CodeOrderLimits {
  readonly bits: readonly AffineBits[];
  /** What inFeatures, and outFeatures, must be a multiple of. */
  readonly inMultiple: number;
  readonly outMultiple: number;
}

/** What an order can hold with codes of a width. */
export function codeOrderLimits(order: CodeOrder, bits: AffineBits): CodeOrderLimits {
  switch (order) {
    case "lsb-k":
      return { bits: affineBits, inMultiple: codesInWords(bits), outMultiple: 1 };
    case "planar-k":
      return { bits: [3, 5, 6, 7], inMultiple: 32, outMultiple: 1 }; // other widths are one plane: lsb-k
    case "lsb-rows":
      return { bits: affineBits, inMultiple: 1, outMultiple: 1 };
    case "word-rows":
      return { bits: [3, 5, 6, 7], inMultiple: 1, outMultiple: 1 }; // other widths fill words: lsb-rows
    case "byte-rows":
      return { bits: [8], inMultiple: 1, outMultiple: 1 };
    case "awq-gemm":
      return { bits: [4], inMultiple: 1, outMultiple: 8 };
    case "awq-gemv-fast":
      return { bits: [4], inMultiple: 64, outMultiple: 4 };
    case "marlin":
      return { bits: [4, 8], inMultiple: 16, outMultiple: 64 };
  }
}

/** Bytes that codes take. The shape must be within the order's limits. */
export function codeBytes({ order, bits, inFeatures, outFeatures }: Omit<PackedCodes, "codes">): number {
  switch (order) {
    case "lsb-rows":
      return 4 * Math.ceil((inFeatures * bits) / 32) * outFeatures;
    case "word-rows":
      return 4 * Math.ceil(inFeatures / Math.floor(32 / bits)) * outFeatures;
    case "lsb-k":
    case "planar-k":
    case "byte-rows":
    case "awq-gemm":
    case "awq-gemv-fast":
    case "marlin":
      return (inFeatures * outFeatures * bits) / 8;
  }
}

/** Codes of a width that fill whole 32-bit words, at the least. */
function codesInWords(bits: AffineBits): number {
  return { 2: 16, 3: 32, 4: 8, 5: 32, 6: 16, 7: 32, 8: 4 }[bits];
}
