import { halfToFloat } from "../../util/float16.ts";

/** The f16 at a byte of any alignment. */
export function halfAt(bytes: Uint8Array, at: number): number {
  return halfToFloat(bytes[at] | (bytes[at + 1] << 8));
}

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);

/** The 32-bit word at a byte of any alignment, unsigned. */
export function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

/** The f32 at a byte of any alignment. */
export function floatAt(bytes: Uint8Array, at: number): number {
  word[0] = wordAt(bytes, at);
  return float[0];
}
