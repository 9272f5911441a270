import type { CodeOrder, PackedCodes } from "./packed-weight.ts";

/** Orders in which the bits of every code are one run of the bytes, least significant first. */
export type AddressedOrder = Exclude<CodeOrder, "lsb-k" | "planar-k">;

/**
 * Where the code of input k and output n begins, in bits from the start of the codes. Sources: AutoAWQ 0.2.9,
 * awq/modules/linear/gemm.py and gemv_fast.py; IST-DASLab/marlin, marlin/__init__.py; compressed-tensors 0.9.4 and 0.20.0,
 * compressors/quantized_compressors/pack_quantized.py.
 */
export function codeAddress(
  order: AddressedOrder,
  { bits, inFeatures, outFeatures }: Pick<PackedCodes, "bits" | "inFeatures" | "outFeatures">,
): (k: number, n: number) => number {
  switch (order) {
    case "lsb-rows": {
      const rowBits = 32 * Math.ceil((inFeatures * bits) / 32);
      return (k, n) => n * rowBits + k * bits;
    }
    case "word-rows": {
      const inWord = Math.floor(32 / bits);
      const rowBits = 32 * Math.ceil(inFeatures / inWord);
      return (k, n) => n * rowBits + 32 * Math.floor(k / inWord) + bits * (k % inWord);
    }
    case "byte-rows":
      return (k, n) => 8 * (n * inFeatures + k);
    case "awq-gemm":
      // Even outputs of a word are its lower four nibbles, odd ones its upper four.
      return (k, n) => 32 * (k * (outFeatures / 8) + Math.floor(n / 8)) + 4 * (Math.floor((n % 8) / 2) + 4 * (n % 2));
    case "awq-gemv-fast":
      return (k, n) => {
        const column = 64 * Math.floor(k / 64) + 16 * (n % 4) + 8 * (Math.floor(k / 32) % 2) + (k % 8);
        return 16 * (Math.floor(n / 4) * inFeatures + column) + 4 * Math.floor((k % 32) / 8);
      };
    case "marlin":
      return bits === 4 ? marlin4(outFeatures) : marlin8(outFeatures);
  }
}

/**
 * Lane 4 * (n % 8) + (k % 8) / 2 of a warp holds, for each of four sixteens of columns, what one m16n8k16 instruction takes of it:
 * inputs k, k + 1, k + 8 and k + 9 of columns n and n + 8.
 */
function marlin4(outFeatures: number): (k: number, n: number) => number {
  return (k, n) => {
    const lane = 4 * (n % 8) + Math.floor((k % 8) / 2);
    const word = 128 * Math.floor(n / 64) + 4 * lane + Math.floor((n % 64) / 16);
    const nibble = 4 * (k % 2) + 2 * Math.floor((n % 16) / 8) + Math.floor((k % 16) / 8);
    return 32 * (Math.floor(k / 16) * 2 * outFeatures + word) + 4 * nibble;
  };
}

/** As with 4 bits, a word for each of the columns n and n + 8. */
function marlin8(outFeatures: number): (k: number, n: number) => number {
  return (k, n) => {
    const lane = 4 * (n % 8) + Math.floor((k % 8) / 2);
    const word = 256 * Math.floor(n / 64) + 8 * lane + 2 * Math.floor((n % 64) / 16) + Math.floor((n % 16) / 8);
    const byte = 2 * (k % 2) + Math.floor((k % 16) / 8);
    return 32 * (Math.floor(k / 16) * 4 * outFeatures + word) + 8 * byte;
  };
}
