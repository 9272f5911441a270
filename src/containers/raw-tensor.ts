import type { ReadOptions } from "../io/byte-source.ts";

/**
 * Width in bits of every element type of safetensors, with the names that format uses, in the order of its `Dtype` enum:
 * writers sort tensors by it, widest last in the enum and first in the file, so that data stays naturally aligned.
 * Source: huggingface/safetensors, safetensors/src/tensor.rs, `enum Dtype`, `Dtype::bitsize` and `prepare`.
 */
export const dtypeBits = {
  BOOL: 8,
  F4: 4, // e2m1, two to a byte
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8, // e4m3fn
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64, // two f32
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

/** An element type of plain (not block-quantized) tensors. */
export type Dtype = keyof typeof dtypeBits;

export function isDtype(name: string): name is Dtype {
  return Object.hasOwn(dtypeBits, name);
}

export interface TensorReadOptions extends ReadOptions {
  /** First byte wanted, from the start of the tensor; default 0. */
  readonly start?: number;
  /** One past the last byte wanted; default the tensor's end. */
  readonly end?: number;
}

/**
 * A named tensor as a container holds it: little-endian, row-major, last dimension contiguous; nothing decoded.
 * `Type` is the container's own set of element types: Dtype for safetensors, block types for GGUF.
 * It stays readable until the container that it came from is closed.
 */
export interface RawTensor<Type extends string = Dtype> {
  readonly name: string;
  readonly dtype: Type;
  /** Outermost dimension first; empty for a scalar. A dimension may be 0. */
  readonly shape: readonly number[];
  readonly byteLength: number;
  /** The bytes, or a part of them; ownership and errors as ByteSource.read. */
  read(options?: TensorReadOptions): Promise<Uint8Array>;
}

/** Product of the dimensions, or undefined when it is no safe integer (2^53). 1 for a scalar. */
function elementCount(shape: readonly number[]): number | undefined {
  let count = 1;
  for (const dimension of shape) {
    count *= dimension;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}

/** Bytes that a tensor takes, or undefined when that overflows 2^53 or sub-byte elements do not fill whole bytes. */
export function tensorByteLength(dtype: Dtype, shape: readonly number[]): number | undefined {
  const count = elementCount(shape);
  const bits = count === undefined ? undefined : count * dtypeBits[dtype];
  return bits !== undefined && Number.isSafeInteger(bits) && bits % 8 === 0 ? bits / 8 : undefined;
}
