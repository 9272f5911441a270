import { asUint32, bytesOf } from "../util/bytes.ts";
import { codeAddress, type AddressedOrder } from "./code-address.ts";
import { codeBytes } from "./code-order-limits.ts";
import { putCode, streamWords, unpackStream } from "./lsb-stream.ts";
import type { AffineBits, CodeOrder, PackedCodes } from "./packed-weight.ts";
import { getPlanarCode, putPlanarCode } from "./planar-stream.ts";

/** Columns gathered together: their words share a cache line, and one line is read once for all of them. */
const tileColumns = 16;

/** What the bytes of `byte-rows` are apart from their codes: signed ones are less 128. */
const signBit = 0x80;

/**
 * The codes of output features `start` to `end`, as [end - start][inFeatures], input features in their original order.
 * The codes must be what checkWeight accepts.
 */
export function unpackCodes(packed: PackedCodes, start = 0, end = packed.outFeatures): Uint8Array {
  switch (packed.order) {
    case "lsb-k":
      return unpackColumns(packed, start, end);
    case "planar-k":
      return unpackPlanar(packed, start, end);
    case "lsb-rows":
    case "word-rows":
    case "byte-rows":
    case "awq-gemm":
    case "awq-gemv-fast":
    case "marlin":
      return unpackAddressed(packed, packed.order, start, end);
  }
}

function unpackColumns({ codes, bits, inFeatures, outFeatures }: PackedCodes, start: number, end: number): Uint8Array {
  const words = asUint32(codes);
  const length = streamWords(bits, inFeatures);
  const streams = new Uint32Array(tileColumns * length);
  const found = new Uint8Array((end - start) * inFeatures);
  for (let first = start; first < end; first += tileColumns) {
    const columns = Math.min(tileColumns, end - first);
    for (let w = 0; w < length; w++) {
      for (let c = 0; c < columns; c++) streams[c * length + w] = words[w * outFeatures + first + c];
    }
    for (let c = 0; c < columns; c++) {
      const at = (first - start + c) * inFeatures;
      unpackStream(streams.subarray(c * length), bits, found.subarray(at, at + inFeatures));
    }
  }
  return found;
}

function unpackPlanar({ codes, bits, inFeatures, outFeatures }: PackedCodes, start: number, end: number): Uint8Array {
  const words = asUint32(codes);
  const found = new Uint8Array((end - start) * inFeatures);
  for (let n = start, i = 0; n < end; n++) {
    for (let k = 0; k < inFeatures; k++) found[i++] = getPlanarCode(words, bits, k, n, outFeatures);
  }
  return found;
}

function unpackAddressed(packed: PackedCodes, order: AddressedOrder, start: number, end: number): Uint8Array {
  const { codes, bits, inFeatures } = packed;
  const addressOf = codeAddress(order, packed);
  const mask = (1 << bits) - 1;
  const flip = order === "byte-rows" ? signBit : 0;
  const found = new Uint8Array((end - start) * inFeatures);
  for (let n = start, i = 0; n < end; n++) {
    for (let k = 0; k < inFeatures; k++) {
      const bit = addressOf(k, n);
      const byte = Math.floor(bit / 8);
      // Past the last byte lies nothing, of which the shift leaves 0; such a code does not reach there.
      found[i++] = (((codes[byte] | (codes[byte + 1] << 8)) >>> (bit % 8)) & mask) ^ flip;
    }
  }
  return found;
}

/** The inverse of unpackCodes: `codes` [outFeatures][inFeatures] in `order`, of a shape that it can hold. */
export function packCodes(
  codes: Uint8Array,
  bits: AffineBits,
  inFeatures: number,
  outFeatures: number,
  order: CodeOrder,
): Uint8Array {
  const shape = { bits, inFeatures, outFeatures };
  switch (order) {
    case "lsb-k":
    case "planar-k": {
      const put = order === "lsb-k" ? putCode : putPlanarCode;
      const words = new Uint32Array(streamWords(bits, inFeatures) * outFeatures);
      for (let n = 0; n < outFeatures; n++) {
        for (let k = 0; k < inFeatures; k++) put(words, bits, k, codes[n * inFeatures + k], n, outFeatures);
      }
      return bytesOf(words);
    }
    case "lsb-rows":
    case "word-rows":
    case "byte-rows":
    case "awq-gemm":
    case "awq-gemv-fast":
    case "marlin":
      return packAddressed(codes, order, shape);
  }
}

function packAddressed(
  codes: Uint8Array,
  order: AddressedOrder,
  shape: Pick<PackedCodes, "bits" | "inFeatures" | "outFeatures">,
): Uint8Array {
  const addressOf = codeAddress(order, shape);
  const flip = order === "byte-rows" ? signBit : 0;
  const bytes = new Uint8Array(codeBytes({ ...shape, order }));
  for (let n = 0, i = 0; n < shape.outFeatures; n++) {
    for (let k = 0; k < shape.inFeatures; k++) {
      const bit = addressOf(k, n);
      const byte = Math.floor(bit / 8);
      const run = (codes[i++] ^ flip) << (bit % 8);
      bytes[byte] |= run;
      if (byte + 1 < bytes.length) bytes[byte + 1] |= run >>> 8;
    }
  }
  return bytes;
}
