import { bytesOf } from "../util/bytes.ts";
import { FormatError } from "../util/errors.ts";
import type { PackedWeight, Sparse24Weight } from "./packed-weight.ts";

/**
 * Where a 2:4 weight's bits lie, in the order of a sparse tensor core's operands. Inputs 4t … 4t + 3 are quad t; its two kept codes are
 * the inputs 2t and 2t + 1 of a compressed matrix, and its positions a nibble: the lower in bits 0 and 1, the higher in bits 2 and 3.
 * Layout: compressed-tensors 0.9.4, Marlin24Compressor.
 */
type Shape = Pick<Sparse24Weight, "inFeatures" | "outFeatures" | "bits">;

/** Nibbles that name two positions, the lower first. */
export const legalPositions: ReadonlySet<number> = new Set([4, 8, 9, 12, 13, 14]);

/** The first bit of the positions of quad t of output n. Halfwords [inFeatures / 32][2 * outFeatures]. */
export function positionsAddress({ outFeatures }: Shape, t: number, n: number): number {
  const column =
    128 * Math.floor(n / 64) +
    64 * ((n >> 1) & 1) +
    8 * ((n % 64) >> 3) +
    4 * (n & 1) +
    2 * (Math.floor(t / 4) & 1) +
    ((n >> 2) & 1);
  return 16 * (Math.floor(t / 8) * 2 * outFeatures + column) + 4 * (t % 4);
}

/** The first bit of the code of compressed input kc of output n. Words [inFeatures / 32][outFeatures * bits / 2]. */
export function sparseCodeAddress({ outFeatures, bits }: Shape, kc: number, n: number): number {
  const row = Math.floor(kc / 16) * ((outFeatures * bits) / 2);
  const pair = Math.floor((kc % 8) / 2);
  const late = Math.floor((kc % 16) / 8);
  const eight = Math.floor((n % 64) / 8);
  const upper = Math.floor(n / 4) % 2;
  if (bits === 4) {
    const word = 128 * Math.floor(n / 64) + 16 * eight + 4 * pair + (n % 4);
    return 32 * (row + word) + 4 * (4 * (kc % 2) + 2 * upper + late);
  }
  const word = 256 * Math.floor(n / 64) + 32 * eight + 8 * pair + 2 * (n % 4) + upper;
  return 32 * (row + word) + 8 * (2 * (kc % 2) + late);
}

const field = (bytes: Uint8Array, bit: number, bits: number): number =>
  (bytes[Math.floor(bit / 8)] >>> (bit % 8)) & (2 ** bits - 1);

/** What a row keeps: called for every kept input of output n with its code. The weight must have passed checkWeight and checkPositions. */
export function forEachKept(weight: Sparse24Weight, n: number, visit: (k: number, code: number) => void): void {
  const { inFeatures, bits, codes, positions } = weight;
  for (let t = 0; t < inFeatures / 4; t++) {
    const nibble = field(positions, positionsAddress(weight, t, n), 4);
    visit(4 * t + (nibble & 3), field(codes, sparseCodeAddress(weight, 2 * t, n), bits));
    visit(4 * t + (nibble >> 2), field(codes, sparseCodeAddress(weight, 2 * t + 1, n), bits));
  }
}

const isLegal = (nibble: number): boolean => legalPositions.has(nibble);

/** By byte: 1 where both its nibbles are legal. */
const legalBytes = Uint8Array.from({ length: 256 }, (_, byte) => (isLegal(byte & 15) && isLegal(byte >> 4) ? 1 : 0));

/**
 * Refuses a 2:4 weight that has positions which are not two in order; other schemes pass. checkWeight leaves it to whoever reads positions,
 * since they are megabytes: native code checks them as it transcodes. `where` is as there. Throws FormatError.
 */
export function checkPositions(weight: PackedWeight, where: string): void {
  if (weight.scheme !== "sparse-24") return;
  for (let i = 0; i < weight.positions.length; i++) {
    const byte = weight.positions[i];
    if (legalBytes[byte] === 0) throw illegalPositions(isLegal(byte & 15) ? byte >> 4 : byte & 15, where);
  }
}

/** The error for a nibble that names no two positions in order. */
export function illegalPositions(nibble: number, where: string): FormatError {
  return new FormatError(`${where}: positions hold ${nibble}, which names no two of four inputs in order`);
}

/**
 * The bytes of a 2:4 weight: `kept` [outFeatures][inFeatures / 2] are codes, two a quad in their order, `nibbles`
 * [outFeatures][inFeatures / 4] their positions. The shape must be one that checkWeight accepts.
 */
export function packSparse24(
  kept: Uint8Array,
  nibbles: Uint8Array,
  shape: Shape,
): Pick<Sparse24Weight, "codes" | "positions"> {
  const { inFeatures, outFeatures, bits } = shape;
  const codes = new Uint8Array((inFeatures * outFeatures * bits) / 16);
  const halfwords = new Uint16Array((inFeatures * outFeatures) / 16);
  for (let n = 0; n < outFeatures; n++) {
    for (let kc = 0; kc < inFeatures / 2; kc++) {
      const bit = sparseCodeAddress(shape, kc, n);
      codes[Math.floor(bit / 8)] |= kept[(n * inFeatures) / 2 + kc] << (bit % 8);
    }
    for (let t = 0; t < inFeatures / 4; t++) {
      const bit = positionsAddress(shape, t, n);
      halfwords[Math.floor(bit / 16)] |= nibbles[(n * inFeatures) / 4 + t] << (bit % 16);
    }
  }
  return { codes, positions: bytesOf(halfwords) };
}
