/** A value of metadata; whole numbers are stored as u32, others as f32. */
export type GgufValue = string | number | boolean;

export interface GgufTensor {
  readonly name: string;
  /** By ggml's number: 0 is F32, 1 F16, 30 BF16, 39 MXFP4. */
  readonly type: number;
  /** Outermost dimension first. */
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

const alignment = 32;

/**
 * A little-endian GGUF file of version 3 by the letter of its specification (ggml/docs/gguf.md), and by nothing of ours: what the reader is
 * held against.
 */
export function ggufFile(metadata: Readonly<Record<string, GgufValue>>, tensors: readonly GgufTensor[]): Uint8Array {
  const header = [Buffer.from("GGUF"), u32(3), u64(tensors.length), u64(Object.keys(metadata).length)];
  for (const [key, value] of Object.entries(metadata)) header.push(text(key), typedValue(value));
  let offset = 0;
  for (const { name, type, shape, bytes } of tensors) {
    header.push(text(name), u32(shape.length), ...[...shape].reverse().map(u64), u32(type), u64(offset));
    offset += padded(bytes).length;
  }
  return Buffer.concat([padded(Buffer.concat(header)), ...tensors.map(({ bytes }) => padded(bytes))]);
}

function typedValue(value: GgufValue): Buffer {
  if (typeof value === "string") return Buffer.concat([u32(8), text(value)]);
  if (typeof value === "boolean") return Buffer.concat([u32(7), Buffer.of(value ? 1 : 0)]);
  return Buffer.concat(Number.isInteger(value) ? [u32(4), u32(value)] : [u32(6), f32(value)]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "utf8");
  return Buffer.concat([u64(bytes.length), bytes]);
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((alignment - (bytes.length % alignment)) % alignment)]);
}
