import type { HeaderReader } from "./header-reader.ts";
import type { MetadataArray, MetadataValue, NumberArray } from "./metadata.ts";

/** How a number of the metadata is read: its width, one value, and an array's memory. */
interface NumberType {
  readonly width: 1 | 2 | 4 | 8;
  readonly get: (view: DataView, offset: number, littleEndian: boolean) => number | bigint;
  readonly create: (count: number) => NumberArray;
}

const stringType = 8;
const booleanType = 7;
const arrayType = 9;

/** By the id of the type. Source: ggml docs/gguf.md, `gguf_metadata_value_type`. */
const numberTypes: Readonly<Record<number, NumberType>> = {
  0: { width: 1, get: (view, at) => view.getUint8(at), create: (count) => new Uint8Array(count) },
  1: { width: 1, get: (view, at) => view.getInt8(at), create: (count) => new Int8Array(count) },
  2: { width: 2, get: (view, at, little) => view.getUint16(at, little), create: (count) => new Uint16Array(count) },
  3: { width: 2, get: (view, at, little) => view.getInt16(at, little), create: (count) => new Int16Array(count) },
  4: { width: 4, get: (view, at, little) => view.getUint32(at, little), create: (count) => new Uint32Array(count) },
  5: { width: 4, get: (view, at, little) => view.getInt32(at, little), create: (count) => new Int32Array(count) },
  6: { width: 4, get: (view, at, little) => view.getFloat32(at, little), create: (count) => new Float32Array(count) },
  10: { width: 8, get: (view, at, little) => view.getBigUint64(at, little), create: (n) => new BigUint64Array(n) },
  11: {
    width: 8,
    get: (view, at, little) => view.getBigInt64(at, little),
    create: (count) => new BigInt64Array(count),
  },
  12: { width: 8, get: (view, at, little) => view.getFloat64(at, little), create: (count) => new Float64Array(count) },
};

/** Sixteen times the tokens of the largest vocabulary, eight times its merges. */
const maxStrings = 2 ** 22;

/** Reads a value, whose type stands before it. `key` names it in messages. */
export function readValue(reader: HeaderReader, key: string): MetadataValue {
  const type = reader.u32(`the type of ${key}`);
  if (type === stringType) return reader.string(key, { strict: false });
  if (type === booleanType) return readBoolean(reader, key);
  if (type === arrayType) return readArray(reader, key);
  const numberType = numberTypeOf(type, reader, key);
  const value = numberType.get(reader.numbers(1, numberType.width, key), 0, reader.littleEndian);
  return typeof value === "bigint" && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function readArray(reader: HeaderReader, key: string): MetadataArray {
  const type = reader.u32(`the type of the elements of ${key}`);
  if (type === arrayType) reader.fail(`${key} is a list of lists, which no writer makes and no reader takes`);
  if (type === stringType) {
    const count = reader.count(`the number of texts in ${key}`, reader.countBytes);
    if (count > maxStrings) reader.fail(`${key} has ${count} texts; at most ${maxStrings} are read`);
    return Array.from({ length: count }, () => reader.string(`a text of ${key}`, { strict: false }));
  }
  if (type === booleanType) {
    const count = reader.count(`the number of values in ${key}`, 1);
    if (count > maxStrings) reader.fail(`${key} has ${count} values; at most ${maxStrings} are read`);
    return Array.from({ length: count }, () => readBoolean(reader, key));
  }
  const { width, get, create } = numberTypeOf(type, reader, key);
  const count = reader.count(`the number of values in ${key}`, width);
  const view = reader.numbers(count, width, key);
  const values = create(count);
  for (let i = 0; i < count; i++) values[i] = get(view, i * width, reader.littleEndian);
  return values;
}

function readBoolean(reader: HeaderReader, key: string): boolean {
  const value = reader.u8(key);
  if (value > 1) reader.fail(`${key} is neither true (1) nor false (0), but ${value}`);
  return value === 1;
}

function numberTypeOf(type: number, reader: HeaderReader, key: string): NumberType {
  if (!Object.hasOwn(numberTypes, type)) reader.fail(`${key} has the type ${type}; types of metadata are 0 to 12`);
  return numberTypes[type];
}
