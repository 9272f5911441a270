import { asUint32, bytesOf } from "../util/bytes.ts";
import { putCode, streamWords, unpackStream } from "./lsb-stream.ts";
import type { AffineBits, AffineZeroWeight, CodeOrder } from "./packed-weight.ts";

/** Columns gathered together: their words share a cache line, and one line is read once for all of them. */
const tileColumns = 16;

/**
 * The codes of output features `start` to `end`, as [end - start][inFeatures], input features in their original order.
 * The weight must have passed checkWeight.
 */
export function unpackCodes(weight: AffineZeroWeight, start = 0, end = weight.outFeatures): Uint8Array {
  switch (weight.order) {
    case "lsb-k":
      return unpackColumns(weight, start, end);
  }
}

function unpackColumns(weight: AffineZeroWeight, start: number, end: number): Uint8Array {
  const { inFeatures, outFeatures, bits } = weight;
  const words = asUint32(weight.codes);
  const length = streamWords(bits, inFeatures);
  const streams = new Uint32Array(tileColumns * length);
  const codes = new Uint8Array((end - start) * inFeatures);
  for (let first = start; first < end; first += tileColumns) {
    const columns = Math.min(tileColumns, end - first);
    for (let w = 0; w < length; w++) {
      for (let c = 0; c < columns; c++) streams[c * length + w] = words[w * outFeatures + first + c];
    }
    for (let c = 0; c < columns; c++) {
      const at = (first - start + c) * inFeatures;
      unpackStream(streams.subarray(c * length), bits, codes.subarray(at, at + inFeatures));
    }
  }
  return codes;
}

/** The inverse of unpackCodes: `codes` [outFeatures][inFeatures] in `order`. inFeatures * bits must fill whole words. */
export function packCodes(
  codes: Uint8Array,
  bits: AffineBits,
  inFeatures: number,
  outFeatures: number,
  order: CodeOrder,
): Uint8Array {
  switch (order) {
    case "lsb-k": {
      const words = new Uint32Array(streamWords(bits, inFeatures) * outFeatures);
      for (let n = 0; n < outFeatures; n++) {
        for (let k = 0; k < inFeatures; k++) putCode(words, bits, k, codes[n * inFeatures + k], n, outFeatures);
      }
      return bytesOf(words);
    }
  }
}
