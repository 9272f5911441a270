import { philox } from "../../device/random.ts";
import { bytesOf } from "../../util/bytes.ts";
import { narrowToHalf } from "../../util/float16.ts";

/** What a synthetic tensor holds: these bytes over and over, a whole number of its values. */
export type Pattern = Uint8Array;

const patternValues = 1 << 15;

/** Bits without any order. */
export function randomBits(): Pattern {
  const words = new Uint32Array(patternValues);
  for (let i = 0; i < words.length; i += 4) words.set(philox([i, 0, 0, 0], [0, 0]), i);
  return bytesOf(words);
}

/** fp16 values spread evenly over [-size, size]. */
export function randomHalves(size: number): Pattern {
  const words = new Uint32Array(randomBits().buffer);
  return bytesOf(narrowToHalf(Float32Array.from(words, (word) => size * (word / 2 ** 31 - 1))));
}

/** One fp16 value everywhere. */
export function sameHalf(value: number): Pattern {
  return repeated(bytesOf(narrowToHalf(Float32Array.of(value))));
}

/** A code of so many bits everywhere, in a stream of bits. */
export function sameCode(code: number, bits: number): Pattern {
  const bytes = new Uint8Array(bits); // after 8 codes the stream is at a byte again
  for (let i = 0; i < 8 * bits; i++) if ((code >> (i % bits)) & 1) bytes[i >> 3] |= 1 << (i & 7);
  return repeated(bytes);
}

/** So often that copying it takes few calls. */
function repeated(bytes: Uint8Array): Pattern {
  const count = Math.ceil(2 ** 15 / bytes.length);
  const whole = new Uint8Array(count * bytes.length);
  for (let i = 0; i < count; i++) whole.set(bytes, i * bytes.length);
  return whole;
}

/** Writes what stands from `offset` of an endless run of the pattern. */
export function fillFromPattern(target: Uint8Array, pattern: Pattern, offset: number): void {
  let from = offset % pattern.length;
  for (let at = 0; at < target.length; from = 0) {
    const piece = pattern.subarray(from, Math.min(pattern.length, from + target.length - at));
    target.set(piece, at);
    at += piece.length;
  }
}
