import { RequestError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { ggmlByteLength } from "../ggml/block-bytes.ts";
import { ggmlTypeId, type GgmlType } from "../ggml/ggml-type.ts";
import { writeTensor, type Sink, type TensorBytes } from "../write-tensor.ts";

/** A metadata value with the type that the file is to give it; readers of GGUF insist on types. */
export type MetadataField =
  | { readonly type: NumberName; readonly value: number | bigint }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "array"; readonly of: NumberName; readonly values: ArrayLike<number | bigint> }
  | { readonly type: "array"; readonly of: "bool"; readonly values: readonly boolean[] }
  | { readonly type: "array"; readonly of: "string"; readonly values: readonly string[] };

type NumberName = keyof typeof numberWriters;

export interface GgufTensorToWrite extends TensorBytes {
  readonly dtype: GgmlType;
  /** Row length last. */
  readonly shape: readonly number[];
}

export interface GgufWriteOptions {
  readonly metadata: ReadonlyMap<string, MetadataField>;
  readonly signal?: AbortSignal;
}

/** What all readers assume without general.alignment. */
const alignment = 32;

/**
 * Writes a GGUF file of version 3, little-endian, to `sink`, one piece at a time, tensors in the order given: a checkpoint larger than
 * memory passes through. Throws RequestError when a name comes twice, a type cannot be in such a file, or a tensor's data is not as long
 * as its shape says.
 */
export async function writeGguf(
  tensors: readonly GgufTensorToWrite[],
  sink: Sink,
  { metadata, signal }: GgufWriteOptions,
): Promise<void> {
  await sink(encodeHeader(tensors, metadata));
  for (const tensor of tensors) {
    const byteLength = byteLengthOf(tensor);
    await writeTensor(tensor, byteLength, sink, signal);
    await sink(new Uint8Array(padding(byteLength)));
  }
}

function encodeHeader(tensors: readonly GgufTensorToWrite[], metadata: ReadonlyMap<string, MetadataField>): Uint8Array {
  const writer = new HeaderWriter();
  writer.raw(new TextEncoder().encode("GGUF"));
  writer.number("u32", 3);
  writer.number("u64", tensors.length);
  writer.number("u64", metadata.size);
  for (const [key, field] of metadata) {
    writer.string(key);
    writer.field(field);
  }
  const names = new Set<string>();
  let offset = 0;
  for (const tensor of tensors) {
    const { name, dtype, shape } = tensor;
    if (names.has(name)) throw new RequestError(`cannot write two tensors with the name ${quote(name)}`);
    names.add(name);
    const typeId = ggmlTypeId(dtype);
    if (typeId === undefined) throw new RequestError(`tensor ${quote(name)}: ${dtype} has no place in GGUF`);
    writer.string(name);
    writer.number("u32", shape.length);
    for (const dimension of shape.toReversed()) writer.number("u64", dimension);
    writer.number("u32", typeId);
    writer.number("u64", offset);
    const byteLength = byteLengthOf(tensor);
    offset += byteLength + padding(byteLength);
  }
  writer.raw(new Uint8Array(padding(writer.byteLength)));
  return writer.finish();
}

function byteLengthOf({ name, dtype, shape }: GgufTensorToWrite): number {
  if (!shape.every((dimension) => Number.isSafeInteger(dimension) && dimension > 0)) {
    throw new RequestError(`tensor ${quote(name)}: [${shape.join(", ")}] is no shape`);
  }
  const byteLength = ggmlByteLength(dtype, shape);
  if (typeof byteLength === "object") throw new RequestError(`tensor ${quote(name)}: ${byteLength.problem}`);
  return byteLength;
}

const padding = (length: number): number => (alignment - (length % alignment)) % alignment;

/** Id, width and how to write one; the ids are those of read-value.ts. */
const numberWriters = {
  u8: { id: 0, width: 1, set: (view: DataView, value: number | bigint) => view.setUint8(0, Number(value)) },
  i8: { id: 1, width: 1, set: (view: DataView, value: number | bigint) => view.setInt8(0, Number(value)) },
  u16: { id: 2, width: 2, set: (view: DataView, value: number | bigint) => view.setUint16(0, Number(value), true) },
  i16: { id: 3, width: 2, set: (view: DataView, value: number | bigint) => view.setInt16(0, Number(value), true) },
  u32: { id: 4, width: 4, set: (view: DataView, value: number | bigint) => view.setUint32(0, Number(value), true) },
  i32: { id: 5, width: 4, set: (view: DataView, value: number | bigint) => view.setInt32(0, Number(value), true) },
  f32: { id: 6, width: 4, set: (view: DataView, value: number | bigint) => view.setFloat32(0, Number(value), true) },
  u64: { id: 10, width: 8, set: (view: DataView, value: number | bigint) => view.setBigUint64(0, BigInt(value), true) },
  i64: { id: 11, width: 8, set: (view: DataView, value: number | bigint) => view.setBigInt64(0, BigInt(value), true) },
  f64: { id: 12, width: 8, set: (view: DataView, value: number | bigint) => view.setFloat64(0, Number(value), true) },
} as const;

const booleanId = 7;
const stringId = 8;
const arrayId = 9;

class HeaderWriter {
  readonly #pieces: Uint8Array[] = [];
  byteLength = 0;

  raw(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.byteLength += bytes.byteLength;
  }

  number(type: NumberName, value: number | bigint): void {
    const { width, set } = numberWriters[type];
    const bytes = new Uint8Array(width);
    set(new DataView(bytes.buffer), value);
    this.raw(bytes);
  }

  string(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.number("u64", bytes.byteLength);
    this.raw(bytes);
  }

  field(field: MetadataField): void {
    if (field.type === "array") {
      this.number("u32", arrayId);
      this.number("u32", typeId(field.of));
      this.number("u64", field.values.length);
      for (const value of Array.from<number | bigint | boolean | string>(field.values)) this.#value(field.of, value);
    } else {
      this.number("u32", typeId(field.type));
      this.#value(field.type, field.value);
    }
  }

  #value(type: NumberName | "bool" | "string", value: number | bigint | boolean | string): void {
    if (typeof value === "string") this.string(value);
    else if (typeof value === "boolean") this.raw(Uint8Array.of(Number(value)));
    else this.number(type as NumberName, value);
  }

  finish(): Uint8Array {
    const all = new Uint8Array(this.byteLength);
    let position = 0;
    for (const piece of this.#pieces) {
      all.set(piece, position);
      position += piece.byteLength;
    }
    return all;
  }
}

function typeId(type: NumberName | "bool" | "string"): number {
  if (type === "bool") return booleanId;
  return type === "string" ? stringId : numberWriters[type].id;
}
