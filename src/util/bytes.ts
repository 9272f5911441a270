import { FormatError, UnsupportedError } from "./errors.ts";

/**
 * Typed views of bytes that came from a file. Every checkpoint container is little-endian (the rare big-endian GGUF
 * swaps before it gets here), and so is every host that fewbit supports: a view is the value, no DataView needed.
 *
 * A view shares memory with `bytes` when these are aligned, and is a copy when they are not. Old safetensors files
 * put tensors at odd offsets, so do not count on sharing: write to the bytes, or to the view, but not to both.
 */

interface ArrayType<T> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): T;
}

const hostIsLittleEndian = /* @__PURE__ */ (() => new Uint8Array(new Uint16Array([1]).buffer)[0] === 1)();

function viewAs<T>(bytes: Uint8Array, type: ArrayType<T>): T {
  if (!hostIsLittleEndian)
    throw new UnsupportedError("this machine is big-endian; fewbit runs on little-endian ones only");
  const size = type.BYTES_PER_ELEMENT;
  if (bytes.byteLength % size !== 0) {
    throw new FormatError(`${bytes.byteLength} bytes are no whole number of ${size}-byte elements`);
  }
  // A Buffer's slice() shares memory where a Uint8Array's copies, so copy with the constructor.
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return new type(aligned.buffer, aligned.byteOffset, bytes.byteLength / size);
}

/** `bytes` as u16, f16 bits or bf16 bits. Throws FormatError when the length is odd. */
export const asUint16 = (bytes: Uint8Array): Uint16Array => viewAs(bytes, Uint16Array);

/** `bytes` as u32. Throws FormatError when the length is no multiple of 4. */
export const asUint32 = (bytes: Uint8Array): Uint32Array => viewAs(bytes, Uint32Array);

/** `bytes` as i32. Throws FormatError when the length is no multiple of 4. */
export const asInt32 = (bytes: Uint8Array): Int32Array => viewAs(bytes, Int32Array);

/** `bytes` as f32. Throws FormatError when the length is no multiple of 4. */
export const asFloat32 = (bytes: Uint8Array): Float32Array => viewAs(bytes, Float32Array);

/** The bytes of any typed array or DataView; always shares memory. */
export function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
