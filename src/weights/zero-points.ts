import { asUint32, bytesOf } from "../util/bytes.ts";
import { getCode, putCode, streamWords } from "./lsb-stream.ts";
import type { AffineBits, PackedZeros, ZeroOrder } from "./packed-weight.ts";

/** One in every field of a word, for the widths that fill words: what GPTQ v1 took off, with borrows between fields. */
const oneInEveryField: Readonly<Partial<Record<AffineBits, number>>> = { 2: 0x55555555, 4: 0x11111111, 8: 0x01010101 };

/** What GPTQModel before 7.0 took off three consecutive words of 3-bit zero points, instead of one from every field. */
const legacyConstants = [0x24924924, 0x92492492, 0x49249249] as const;

/** The orders that are streams along n, apart in what was taken off before the words were stored. */
type StreamOrder = Extract<ZeroOrder, `lsb-n${string}`>;

/** The zero point of a symmetric weight. */
export function symmetricZero(bits: AffineBits): number {
  return 2 ** (bits - 1);
}

/** Zero points as [groups][outFeatures]. The shape must be one that checkWeight accepts for the order. */
export function unpackZeros(zeros: PackedZeros, bits: AffineBits, groups: number, outFeatures: number): Uint8Array {
  switch (zeros.order) {
    case "lsb-n":
    case "lsb-n-minus-one":
    case "lsb-n-minus-legacy":
      return unpackStreams(zeros.bytes, zeros.order, bits, groups, outFeatures);
    case "bytes":
      return zeros.bytes;
  }
}

/** The inverse of unpackZeros, borrows between fields included: `values` [groups][outFeatures] in `order`. */
export function packZeros(
  values: Uint8Array,
  bits: AffineBits,
  groups: number,
  outFeatures: number,
  order: ZeroOrder,
): PackedZeros {
  switch (order) {
    case "lsb-n":
    case "lsb-n-minus-one":
    case "lsb-n-minus-legacy":
      return { bytes: packStreams(values, order, bits, groups, outFeatures), order };
    case "bytes":
      return { bytes: values, order };
  }
}

function unpackStreams(
  bytes: Uint8Array,
  order: StreamOrder,
  bits: AffineBits,
  groups: number,
  outFeatures: number,
): Uint8Array {
  const rowWords = streamWords(bits, outFeatures);
  const words = shiftWords(asUint32(bytes), bits, order, 1);
  const perField = shiftOfFields(order, bits);
  const values = new Uint8Array(groups * outFeatures);
  for (let g = 0; g < groups; g++) {
    for (let n = 0; n < outFeatures; n++) {
      values[g * outFeatures + n] = (getCode(words, bits, n, g * rowWords) + perField) & (2 ** bits - 1);
    }
  }
  return values;
}

function packStreams(
  values: Uint8Array,
  order: StreamOrder,
  bits: AffineBits,
  groups: number,
  outFeatures: number,
): Uint8Array {
  const rowWords = streamWords(bits, outFeatures);
  const perField = shiftOfFields(order, bits);
  const words = new Uint32Array(groups * rowWords);
  for (let g = 0; g < groups; g++) {
    for (let n = 0; n < outFeatures; n++) {
      putCode(words, bits, n, values[g * outFeatures + n] - perField, g * rowWords);
    }
  }
  return bytesOf(shiftWords(words, bits, order, -1));
}

/** What was taken off every field by itself: fields of 3 bit cross words, so that words cannot carry it. */
function shiftOfFields(order: StreamOrder, bits: AffineBits): 0 | 1 {
  return order === "lsb-n-minus-one" && bits === 3 ? 1 : 0;
}

/** Adds (or, with sign -1, takes off) whatever the order says was taken off whole words, modulo 2^32. */
function shiftWords(words: Uint32Array, bits: AffineBits, order: StreamOrder, sign: 1 | -1): Uint32Array {
  switch (order) {
    case "lsb-n":
      return words;
    case "lsb-n-minus-one": {
      const constant = oneInEveryField[bits];
      if (constant === undefined) return words; // shiftOfFields
      return words.map((word) => word + sign * constant);
    }
    case "lsb-n-minus-legacy":
      // 32 fields of 3 bit are three words, so that every row begins with the first constant.
      return words.map((word, w) => word + sign * legacyConstants[w % 3]);
  }
}
