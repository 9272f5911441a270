import type { BlockReader } from "./block-reader.ts";
import { halfAt } from "./read-float.ts";

/**
 * The K-quants: 256 weights in sub-blocks of 16 or 32. Products of the block's factor, a sub-block's scale and a code are exact in f32
 * (11 + 6 + 6 bits), so only the subtraction of a minimum rounds, and a fused multiply-add gives the same bits.
 */

/** Weight i is in half h of the block, in quarter j of that half, at r of that quarter. */
const half = (i: number): number => i >> 7;
const quarter = (i: number): number => (i >> 5) % 4;
const place = (i: number): number => i % 32;

/** Two bits of each of 4 × 32 weights in 32 bytes. */
const twoBitCode = (bytes: Uint8Array, at: number, i: number): number =>
  (bytes[at + 32 * half(i) + place(i)] >> (2 * quarter(i))) & 3;

const q2k: BlockReader = (bytes, at, values, to) => {
  const d = halfAt(bytes, at + 80);
  const dmin = halfAt(bytes, at + 82);
  for (let i = 0; i < 256; i++) {
    const scale = bytes[at + (i >> 4)];
    values[to + i] = d * (scale & 15) * twoBitCode(bytes, at + 16, i) - dmin * (scale >> 4);
  }
};

/** Sixteen 6-bit scales in 12 bytes: low nibbles in the first 8, two high bits of each in the last 4. */
function scale3(bytes: Uint8Array, at: number, s: number): number {
  const low = s < 8 ? bytes[at + s] & 15 : bytes[at + s - 8] >> 4;
  const high = (bytes[at + 8 + (s % 4)] >> (2 * (s >> 2))) & 3;
  return low | (high << 4);
}

const q3k: BlockReader = (bytes, at, values, to) => {
  const d = halfAt(bytes, at + 108);
  for (let i = 0; i < 256; i++) {
    const high = (bytes[at + place(i)] >> (4 * half(i) + quarter(i))) & 1;
    const code = twoBitCode(bytes, at + 32, i) + 4 * high - 4;
    values[to + i] = d * (scale3(bytes, at + 96, i >> 4) - 32) * code;
  }
};

/** Eight 6-bit scales and eight minima in 12 bytes; the last four of each have their high bits in the first four's bytes. */
const scale45 = (bytes: Uint8Array, at: number, s: number): number =>
  s < 4 ? bytes[at + s] & 63 : (bytes[at + s + 4] & 15) | ((bytes[at + s - 4] >> 6) << 4);
const minimum45 = (bytes: Uint8Array, at: number, s: number): number =>
  s < 4 ? bytes[at + s + 4] & 63 : (bytes[at + s + 4] >> 4) | ((bytes[at + s] >> 6) << 4);

/** The low nibbles of 32 bytes are one sub-block, the high ones the next. */
const nibbleCode = (bytes: Uint8Array, at: number, i: number): number =>
  (bytes[at + 32 * (i >> 6) + place(i)] >> (4 * ((i >> 5) % 2))) & 15;

const q4k: BlockReader = (bytes, at, values, to) => {
  const d = halfAt(bytes, at);
  const dmin = halfAt(bytes, at + 2);
  for (let i = 0; i < 256; i++) {
    const s = i >> 5;
    const code = nibbleCode(bytes, at + 16, i);
    values[to + i] = d * scale45(bytes, at + 4, s) * code - dmin * minimum45(bytes, at + 4, s);
  }
};

const q5k: BlockReader = (bytes, at, values, to) => {
  const d = halfAt(bytes, at);
  const dmin = halfAt(bytes, at + 2);
  for (let i = 0; i < 256; i++) {
    const s = i >> 5;
    const code = nibbleCode(bytes, at + 48, i) | (((bytes[at + 16 + place(i)] >> s) & 1) << 4);
    values[to + i] = d * scale45(bytes, at + 4, s) * code - dmin * minimum45(bytes, at + 4, s);
  }
};

const q6k: BlockReader = (bytes, at, values, to) => {
  const d = halfAt(bytes, at + 208);
  for (let i = 0; i < 256; i++) {
    const [h, j, r] = [half(i), quarter(i), place(i)];
    const low = (bytes[at + 64 * h + 32 * (j % 2) + r] >> (4 * (j >> 1))) & 15;
    const high = (bytes[at + 128 + 32 * h + r] >> (2 * j)) & 3;
    const scale = (bytes[at + 192 + (i >> 4)] << 24) >> 24;
    values[to + i] = d * scale * ((low | (high << 4)) - 32);
  }
};

export const twoLevelBlocks = {
  Q2_K: q2k,
  Q3_K: q3k,
  Q4_K: q4k,
  Q5_K: q5k,
  Q6_K: q6k,
} as const satisfies Record<string, BlockReader>;
