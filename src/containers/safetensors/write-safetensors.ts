import { RequestError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { dtypeBits, tensorByteLength, type Dtype } from "../raw-tensor.ts";
import { writeTensor, type Sink, type TensorBytes } from "../write-tensor.ts";
import { lengthBytes } from "./parse-header.ts";

export interface TensorInfo {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

export type TensorToWrite = TensorInfo & TensorBytes;

export interface WriteOptions {
  readonly metadata?: ReadonlyMap<string, string>;
  readonly signal?: AbortSignal;
}

/**
 * Writes a safetensors file to `sink`, one piece at a time: a checkpoint larger than memory passes through. Tensors are
 * ordered as the reference writer orders them, so that the same tensors make the same file, whoever writes it.
 * Throws RequestError when a name comes twice or a tensor's data is not as long as its shape says.
 */
export async function writeSafetensors(
  tensors: Iterable<TensorToWrite>,
  sink: Sink,
  options: WriteOptions = {},
): Promise<void> {
  const ordered = canonicalOrder(tensors);
  await sink(encodeHeader(ordered, options.metadata));
  for (const tensor of ordered) await writeTensor(tensor, byteLengthOf(tensor), sink, options.signal);
}

/** Widest dtype first (so that all data is aligned), then by name in UTF-8 order. Returns a new array. */
export function canonicalOrder<T extends TensorInfo>(tensors: Iterable<T>): T[] {
  return [...tensors].sort((a, b) => rank[b.dtype] - rank[a.dtype] || compareCodePoints(a.name, b.name));
}

/** The place of each dtype in the enum of the reference implementation. */
const rank = Object.fromEntries(Object.keys(dtypeBits).map((name, i) => [name, i])) as Readonly<Record<Dtype, number>>;

/** The length and the JSON, padded to 8 bytes, of a file that holds exactly these tensors in this order. */
function encodeHeader(tensors: readonly TensorInfo[], metadata?: ReadonlyMap<string, string>): Uint8Array {
  const seen = new Set(["__metadata__"]);
  const fields: string[] = [];
  if (metadata !== undefined && metadata.size > 0) {
    const sorted = [...metadata].sort(([a], [b]) => compareCodePoints(a, b));
    fields.push(`"__metadata__":{${sorted.map(([key, value]) => `${text(key)}:${text(value)}`).join(",")}}`);
  }
  let end = 0;
  for (const tensor of tensors) {
    const { name, dtype, shape } = tensor;
    if (seen.has(name)) throw new RequestError(`cannot write two tensors with the name ${quote(name)}`);
    seen.add(name);
    const begin = end;
    end += byteLengthOf(tensor);
    fields.push(`${text(name)}:{"dtype":"${dtype}","shape":[${shape.join(",")}],"data_offsets":[${begin},${end}]}`);
  }
  const json = new TextEncoder().encode(`{${fields.join(",")}}`);
  const paddedLength = Math.ceil(json.byteLength / 8) * 8;
  const bytes = new Uint8Array(lengthBytes + paddedLength).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(paddedLength), true);
  bytes.set(json, lengthBytes);
  return bytes;
}

function byteLengthOf({ name, dtype, shape }: TensorInfo): number {
  const isShape = shape.every((dimension) => Number.isSafeInteger(dimension) && dimension >= 0);
  const byteLength = isShape ? tensorByteLength(dtype, shape) : undefined;
  if (byteLength !== undefined) return byteLength;
  throw new RequestError(`tensor ${quote(name)}: ${dtype} of shape [${shape.join(", ")}] is no whole number of bytes`);
}

/** As JSON; a lone surrogate would come back as another name. */
function text(value: string): string {
  if (/\p{Cs}/u.test(value)) throw new RequestError(`${quote(value)} is not valid Unicode and cannot be written`);
  return JSON.stringify(value);
}

/** UTF-8 order, which is the order of code points; `<` compares UTF-16 units and differs beyond U+FFFF. */
function compareCodePoints(a: string, b: string): number {
  for (let i = 0; ; i++) {
    const [x, y] = [a.codePointAt(i), b.codePointAt(i)];
    if (x === undefined || y === undefined) return (x === undefined ? 0 : 1) - (y === undefined ? 0 : 1);
    if (x !== y) return x - y;
  }
}
