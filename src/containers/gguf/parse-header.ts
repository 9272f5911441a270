import { FormatError, UnsupportedError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { ggmlByteLength } from "../ggml/block-bytes.ts";
import { ggmlTypeOf, ggmlTypes, whyNoGgmlType, type GgmlType } from "../ggml/ggml-type.ts";
import type { TensorEntry } from "../stored-tensor.ts";
import { HeaderReader } from "./header-reader.ts";
import { Metadata, type MetadataValue } from "./metadata.ts";
import { readValue } from "./read-value.ts";

export interface GgufHeader {
  readonly version: 1 | 2 | 3;
  readonly littleEndian: boolean;
  readonly metadata: Metadata;
  /** In the order of their data. */
  readonly entries: readonly TensorEntry<GgmlType>[];
}

/** Magic and version: what tells a GGUF file and its byte order. */
const prefixBytes = 8;

const maxRank = 5;
/** ggml itself allows 63 bytes; files of other tools keep longer names. */
const maxNameLength = 1024;
const maxTensors = 2 ** 18;
const maxKeys = 2 ** 16;
const maxAlignment = 2 ** 20;

export function isGguf(prefix: Uint8Array): boolean {
  return prefix.byteLength >= 4 && String.fromCharCode(...prefix.subarray(0, 4)) === "GGUF";
}

/**
 * Reads and checks the header of a GGUF file. `bytes` is the beginning of a file of `fileSize`; throws MoreBytesNeeded when the header
 * goes on behind it. Every count is compared with what is left of the file before anything is allocated; names and keys are unique;
 * tensors lie inside of the file, aligned, and do not overlap. Throws FormatError, or UnsupportedError for an unknown version or type.
 * Source: ggml docs/gguf.md.
 */
export function parseGgufHeader(bytes: Uint8Array, fileSize: number, label: string): GgufHeader {
  if (!isGguf(bytes)) throw new FormatError(`${label}: does not begin with "GGUF"; it is no GGUF file`);
  if (bytes.byteLength < prefixBytes) {
    throw new FormatError(`${label}: ${fileSize} bytes are too few for a GGUF file; it is truncated`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, prefixBytes);
  // Versions are small: one whose low half is empty was written with the other byte order.
  const littleEndian = (view.getUint32(4, true) & 0xffff) !== 0;
  const version = view.getUint32(4, littleEndian);
  if (version !== 1 && version !== 2 && version !== 3) {
    throw new UnsupportedError(`${label}: GGUF version ${version}; versions 1 to 3 can be read`);
  }
  const reader = new HeaderReader(bytes, prefixBytes, {
    fileSize,
    label,
    littleEndian,
    countBytes: version === 1 ? 4 : 8,
  });
  const { countBytes } = reader;
  // A name, a rank, no dimension, a type, an offset; a key, a type, the smallest value.
  const tensorCount = reader.count("the number of tensors", countBytes + 4 + 4 + 8);
  const keyCount = reader.count("the number of metadata keys", countBytes + 4 + 1);
  if (tensorCount > maxTensors) reader.fail(`the header has ${tensorCount} tensors; at most ${maxTensors} are read`);
  if (keyCount > maxKeys) reader.fail(`the header has ${keyCount} metadata keys; at most ${maxKeys} are read`);
  const metadata = new Metadata(readMetadata(reader, keyCount), label);
  const alignment = alignmentOf(metadata, reader);
  const infos = Array.from({ length: tensorCount }, (_, i) => readInfo(reader, i, version, label));
  const dataStart = alignUp(reader.position, alignment);
  const entries = infos.map((info) => ({ ...info, offset: dataStart + info.offset }));
  checkLayout(entries, { dataStart, alignment, fileSize, label });
  return { version, littleEndian, metadata, entries };
}

function readMetadata(reader: HeaderReader, count: number): Map<string, MetadataValue> {
  const values = new Map<string, MetadataValue>();
  for (let i = 0; i < count; i++) {
    const key = reader.string(`metadata key ${i}`, { strict: true });
    if (values.has(key)) reader.fail(`the metadata key ${quote(key)} is there twice`);
    values.set(key, readValue(reader, quote(key)));
  }
  return values;
}

function alignmentOf(metadata: Metadata, reader: HeaderReader): number {
  const alignment = metadata.count("general.alignment") ?? 32;
  if (alignment < 1 || alignment > maxAlignment || !Number.isInteger(Math.log2(alignment))) {
    reader.fail(`general.alignment is ${alignment}; it must be a power of two up to ${maxAlignment}`);
  }
  return alignment;
}

/** One tensor, its dimensions turned around, its offset still counted from the start of the data. */
function readInfo(reader: HeaderReader, index: number, version: 1 | 2 | 3, label: string): TensorEntry<GgmlType> {
  const name = reader.string(`the name of tensor ${index}`, { strict: true });
  if (name.length > maxNameLength) reader.fail(`the name of tensor ${index} has ${name.length} characters`);
  const where = `tensor ${quote(name)}`;
  const rank = reader.u32(`the rank of ${where}`);
  if (rank > maxRank) reader.fail(`${where} has ${rank} dimensions; at most ${maxRank} are read`);
  const dimension = (): number =>
    version === 1 ? reader.u32(`a dimension of ${where}`) : reader.u64(`a dimension of ${where}`);
  const shape = Array.from({ length: rank }, dimension).reverse();
  if (shape.includes(0)) reader.fail(`${where} has the dimensions [${shape.join(", ")}]; none may be 0`);
  const typeId = reader.u32(`the type of ${where}`);
  const dtype = ggmlTypeOf(typeId);
  if (dtype === undefined) throw new UnsupportedError(`${label}: ${where} has the type ${whyNoGgmlType(typeId)}`);
  if (!reader.littleEndian && !("words" in ggmlTypes[dtype])) {
    throw new UnsupportedError(`${label}: ${where} is ${dtype} in a big-endian file, which no tool writes`);
  }
  const byteLength = ggmlByteLength(dtype, shape);
  if (typeof byteLength === "object") return reader.fail(`${where}: ${byteLength.problem}`);
  return { name, dtype, shape, offset: reader.u64(`the offset of ${where}`), byteLength };
}

interface Layout {
  readonly dataStart: number;
  readonly alignment: number;
  readonly fileSize: number;
  readonly label: string;
}

/** Sorts the entries by place. Holes are allowed, as for other readers. */
function checkLayout(entries: TensorEntry<GgmlType>[], { dataStart, alignment, fileSize, label }: Layout): void {
  const names = new Set<string>();
  entries.sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength);
  let end = dataStart;
  for (const { name, offset, byteLength } of entries) {
    const where = `${label}: tensor ${quote(name)}`;
    if (names.has(name)) throw new FormatError(`${where} is there twice`);
    names.add(name);
    const relative = offset - dataStart;
    if (relative % alignment !== 0) {
      throw new FormatError(`${where} has the offset ${relative}, which is no multiple of the alignment ${alignment}`);
    }
    if (offset < end) throw new FormatError(`${where} overlaps the tensor before it`);
    if (byteLength > fileSize - offset) {
      throw new FormatError(
        `${where} has ${byteLength} bytes at ${offset}, the file ends at ${fileSize}; it is truncated or damaged`,
      );
    }
    end = offset + byteLength;
  }
}

function alignUp(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment;
}
