import { FormatError, UnsupportedError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { dtypeBits, isDtype, tensorByteLength, type Dtype } from "../raw-tensor.ts";
import type { TensorEntry } from "../stored-tensor.ts";
import { JsonScanner } from "./json-scanner.ts";

export interface Header {
  /** In the order of their data. */
  readonly entries: readonly TensorEntry<Dtype>[];
  /** The `__metadata__` of the file; empty when it has none. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** Bytes in front of the JSON: its length, u64. */
export const lengthBytes = 8;

/**
 * The format allows 100,000,000. Real headers stay below 10 MB (100,000 tensors), and parsed JSON takes several times
 * its size in memory: what is beyond this is not a checkpoint but a load test.
 */
export const maxHeaderBytes = 64 * 2 ** 20;
const maxTensorCount = 2 ** 18;
const maxRank = 8;
const maxNameLength = 1024;
const maxMetadataCount = 2 ** 16;

/** The length H of the JSON, from the first 8 bytes of a file of `fileSize`. Throws when it does not fit in there. */
export function headerLength(prefix: Uint8Array, fileSize: number, label: string): number {
  if (prefix.byteLength < lengthBytes) {
    throw new FormatError(
      `${label}: ${prefix.byteLength} bytes are too few for a safetensors file, which begins with 8`,
    );
  }
  const view = new DataView(prefix.buffer, prefix.byteOffset, lengthBytes);
  // As BigInt: above 2^53 a number would be rounded, and near 2^63 so would be every comparison with it.
  const claimed = view.getBigUint64(0, true);
  if (claimed > BigInt(fileSize - lengthBytes)) {
    throw new FormatError(
      `${label}: the header claims ${claimed} bytes, but ${fileSize - lengthBytes} follow; truncated, or no safetensors file`,
    );
  }
  if (claimed > BigInt(maxHeaderBytes)) {
    throw new FormatError(
      `${label}: the header has ${claimed} bytes; at most ${maxHeaderBytes} are read, because parsing more could exhaust memory`,
    );
  }
  return Number(claimed);
}

/**
 * Reads and checks the JSON header of a safetensors file: `json` is bytes 8 to 8 + H, `fileSize` that of all the file.
 * Beyond the rules of the reference implementation (no holes, no overlap, sizes that agree, the last tensor ends the
 * file) it refuses duplicate keys, ranks above 8, numbers above 2^53, and keys that the format does not know.
 * Throws FormatError, or UnsupportedError for an unknown dtype.
 * Source: huggingface/safetensors, README "Format" and `Metadata::validate` in safetensors/src/tensor.rs.
 */
export function parseHeader(json: Uint8Array, fileSize: number, label: string): Header {
  if (json[0] !== 0x7b) throw new FormatError(`${label}: the header does not begin with "{"; no safetensors file`);
  const dataStart = lengthBytes + json.byteLength;
  const entries: TensorEntry<Dtype>[] = [];
  const metadata = new Map<string, string>();
  const scanner = new JsonScanner(json, label);
  scanner.object("the header", maxNameLength, (key) => {
    if (key === "__metadata__") {
      scanner.object("__metadata__", maxNameLength, (name) => {
        if (metadata.size === maxMetadataCount) scanner.fail(`there are more than ${maxMetadataCount} entries`);
        metadata.set(name, scanner.string("a value of __metadata__", maxHeaderBytes));
      });
    } else {
      if (entries.length === maxTensorCount) scanner.fail(`there are more than ${maxTensorCount} tensors`);
      entries.push(readEntry(scanner, key, dataStart, label));
    }
  });
  scanner.end();
  checkLayout(entries, dataStart, fileSize, label);
  return { entries, metadata };
}

/**
 * A tensor exactly as the reference writer spells it: nearly every tensor there is. Matched in one go it takes a fifth
 * of the time. Fewer digits than 2^53 and at most 8 dimensions, so that what matches needs no other check than the
 * rest; all else, legal or not, is for the scanner.
 */
const usualTensor = (() => {
  const integer = "(?:0|[1-9][0-9]{0,14})";
  const shape = `\\[((?:${integer}(?:,${integer}){0,${maxRank - 1}})?)\\]`;
  return new RegExp(`{"dtype":"(\\w{1,16})","shape":${shape},"data_offsets":\\[(${integer}),(${integer})\\]}`, "y");
})();

interface TensorFields {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly offsets: readonly number[];
}

function readFields(scanner: JsonScanner): TensorFields {
  const usual = scanner.take(usualTensor);
  if (usual !== undefined) {
    const [, dtype, shape, begin, end] = usual;
    return { dtype, shape: shape === "" ? [] : shape.split(",").map(Number), offsets: [Number(begin), Number(end)] };
  }
  let dtype: string | undefined;
  let shape: readonly number[] | undefined;
  let offsets: readonly number[] | undefined;
  scanner.object("a tensor", maxNameLength, (key) => {
    if (key === "dtype") dtype = scanner.string("dtype", 64);
    else if (key === "shape") shape = scanner.integers("shape", maxRank);
    else if (key === "data_offsets") offsets = scanner.integers("data_offsets", 2);
    else scanner.fail("a tensor has only dtype, shape and data_offsets");
  });
  if (dtype === undefined || shape === undefined || offsets?.length !== 2) {
    return scanner.fail("a tensor must have dtype, shape and data_offsets [begin, end]");
  }
  return { dtype, shape, offsets };
}

function readEntry(scanner: JsonScanner, name: string, dataStart: number, label: string): TensorEntry<Dtype> {
  const { dtype, shape, offsets } = readFields(scanner);
  if (!isDtype(dtype)) {
    const known = Object.keys(dtypeBits).join(", ");
    throw new UnsupportedError(
      `${label}: tensor ${quote(name)} has the unknown dtype ${quote(dtype)}; known are ${known}`,
    );
  }
  const [begin, end] = offsets;
  if (begin > end) scanner.fail(`the tensor begins at ${begin}, after its end at ${end}`);
  const needed = tensorByteLength(dtype, shape);
  if (needed !== end - begin) {
    const needs = needed === undefined ? "is no whole number of bytes below 2^53" : `needs ${needed} bytes`;
    scanner.fail(`${dtype} of shape [${shape.join(", ")}] ${needs}, its range has ${end - begin}`);
  }
  return { name, dtype, shape, offset: dataStart + begin, byteLength: needed };
}

/** Sorts the entries by place; every one must begin where the one before ends, and the last where the file ends. */
function checkLayout(entries: TensorEntry<Dtype>[], dataStart: number, fileSize: number, label: string): void {
  entries.sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength);
  let end = dataStart;
  for (const { name, offset, byteLength } of entries) {
    if (offset !== end) {
      const problem =
        offset < end ? "overlaps the tensor before it" : `leaves a hole of ${offset - end} bytes before it`;
      throw new FormatError(`${label}: tensor ${quote(name)} ${problem}`);
    }
    end = offset + byteLength;
  }
  if (end !== fileSize) {
    throw new FormatError(
      end > fileSize
        ? `${label}: the tensors need ${end} bytes, the file has ${fileSize}; it is truncated`
        : `${label}: ${fileSize - end} bytes follow after the last tensor; no tensor owns them`,
    );
  }
}
