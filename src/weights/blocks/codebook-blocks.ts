import { float8Table } from "../../util/float8.ts";
import type { BlockReader } from "./block-reader.ts";
import { halfAt } from "./read-float.ts";

/** The 4-bit floats of the OCP Microscaling Formats 1.0 (e2m1), by code. ggml keeps them as integers, so both zeros are positive. */
export const e2m1Values: readonly number[] = [0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6];

/** Found by a search over real weights: `kvalues_iq4nl` of ggml-common.h (llama.cpp pull request 5590). */
export const nonLinearValues: readonly number[] = [
  -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
];

/** The low nibbles of `2 * half` weights' bytes are the first half, the high ones the second. */
const nibble = (bytes: Uint8Array, at: number, half: number, i: number): number =>
  (bytes[at + (i % half)] >> (i < half ? 0 : 4)) & 15;

const iq4nl: BlockReader = (bytes, at, values, to) => {
  const d = halfAt(bytes, at);
  for (let i = 0; i < 32; i++) values[to + i] = d * nonLinearValues[nibble(bytes, at + 2, 16, i)];
};

/** Eight 6-bit scales: nibbles at 4, two high bits of each in the 16-bit word at 2. */
const iq4xs: BlockReader = (bytes, at, values, to) => {
  const d = halfAt(bytes, at);
  const high = bytes[at + 2] | (bytes[at + 3] << 8);
  for (let t = 0; t < 8; t++) {
    const low = (bytes[at + 4 + (t >> 1)] >> (4 * (t % 2))) & 15;
    const scale = d * ((low | (((high >> (2 * t)) & 3) << 4)) - 32);
    const codes = at + 8 + 16 * t;
    for (let i = 0; i < 32; i++) values[to + 32 * t + i] = scale * nonLinearValues[nibble(bytes, codes, 16, i)];
  }
};

/** The scale is a power of two. ggml keeps no NaN: 255 is 2^128, which makes 0.5 the largest finite magnitude. */
const mxfp4: BlockReader = (bytes, at, values, to) => {
  const scale = 2 ** (bytes[at] - 127);
  for (let i = 0; i < 32; i++) values[to + i] = scale * e2m1Values[nibble(bytes, at + 1, 16, i)];
};

/** e4m3 without its sign; what would be zero or NaN is 0 in ggml, the sign bit belongs to the exponent's range for 0xff: 480. */
export function unsignedE4m3(byte: number): number {
  const magnitude = byte & 0x7f;
  if (byte === 0xff) return 480;
  return magnitude === 0x7f ? 0 : float8Table("e4m3fn")[magnitude];
}

/** Four sub-blocks of 16; the scale of the whole tensor is apart. */
const nvfp4: BlockReader = (bytes, at, values, to) => {
  for (let s = 0; s < 4; s++) {
    const scale = unsignedE4m3(bytes[at + s]);
    const codes = at + 4 + 8 * s;
    for (let i = 0; i < 16; i++) values[to + 16 * s + i] = scale * e2m1Values[nibble(bytes, codes, 8, i)];
  }
};

export const codebookBlocks = {
  IQ4_NL: iq4nl,
  IQ4_XS: iq4xs,
  MXFP4: mxfp4,
  NVFP4: nvfp4,
} as const satisfies Record<string, BlockReader>;
