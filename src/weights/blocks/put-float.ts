import { floatToHalf } from "../../util/float16.ts";

/** Writes an f16 at a byte of any alignment. The inverse of `halfAt`. */
export function putHalf(bytes: Uint8Array, at: number, value: number): void {
  const half = floatToHalf(value);
  bytes[at] = half & 255;
  bytes[at + 1] = half >> 8;
}
