import type { BlockReader } from "./block-reader.ts";
import { floatAt, halfAt, wordAt } from "./read-float.ts";

/** Which of 32 nibbles is weight i: today the first half of a block has the low ones; at first neighbours shared a byte. */
type NibbleOrder = (bytes: Uint8Array, at: number, i: number) => number;

const halves: NibbleOrder = (bytes, at, i) => (bytes[at + (i % 16)] >> (i < 16 ? 0 : 4)) & 15;
const neighbours: NibbleOrder = (bytes, at, i) => (bytes[at + (i >> 1)] >> (i % 2 === 0 ? 0 : 4)) & 15;

/** Products of a factor and a small code are exact, so what rounds is the addition of a minimum, once, as it does in f32. */
const symmetric4 =
  (nibble: NibbleOrder, factor: typeof halfAt, factorBytes: number): BlockReader =>
  (bytes, at, values, to) => {
    const d = factor(bytes, at);
    for (let i = 0; i < 32; i++) values[to + i] = d * (nibble(bytes, at + factorBytes, i) - 8);
  };

const withMinimum4 =
  (nibble: NibbleOrder, factor: typeof halfAt, factorBytes: number): BlockReader =>
  (bytes, at, values, to) => {
    const d = factor(bytes, at);
    const m = factor(bytes, at + factorBytes);
    for (let i = 0; i < 32; i++) values[to + i] = Math.fround(d * nibble(bytes, at + 2 * factorBytes, i)) + m;
  };

/** Bit i of the word is the fifth bit of weight i. */
const fiveBits = (nibble: NibbleOrder, bytes: Uint8Array, wordStart: number, i: number): number =>
  nibble(bytes, wordStart + 4, i) | (((wordAt(bytes, wordStart) >>> i) & 1) << 4);

const symmetric5 =
  (nibble: NibbleOrder): BlockReader =>
  (bytes, at, values, to) => {
    const d = halfAt(bytes, at);
    for (let i = 0; i < 32; i++) values[to + i] = d * (fiveBits(nibble, bytes, at + 2, i) - 16);
  };

const withMinimum5 =
  (nibble: NibbleOrder): BlockReader =>
  (bytes, at, values, to) => {
    const d = halfAt(bytes, at);
    const m = halfAt(bytes, at + 2);
    for (let i = 0; i < 32; i++) values[to + i] = d * fiveBits(nibble, bytes, at + 4, i) + m;
  };

const signedBytes =
  (factor: typeof halfAt, factorBytes: number): BlockReader =>
  (bytes, at, values, to) => {
    const d = factor(bytes, at);
    for (let i = 0; i < 32; i++) values[to + i] = d * ((bytes[at + factorBytes + i] << 24) >> 24);
  };

/** Bit i, least significant first: 1 is +d, 0 is -d. */
const oneBit: BlockReader = (bytes, at, values, to) => {
  const d = halfAt(bytes, at);
  for (let i = 0; i < 128; i++) values[to + i] = (bytes[at + 2 + (i >> 3)] >> (i & 7)) & 1 ? d : -d;
};

/** A stream of 2-bit codes, least significant first, less one. */
const twoBits: BlockReader = (bytes, at, values, to) => {
  const d = halfAt(bytes, at);
  for (let i = 0; i < 64; i++) values[to + i] = d * (((bytes[at + 2 + (i >> 2)] >> (2 * (i & 3))) & 3) - 1);
};

/** Byte j of each half of the block holds weights j, j + 32, j + 64 and j + 96 of it. */
const ternary2: BlockReader = (bytes, at, values, to) => {
  const d = halfAt(bytes, at + 64);
  for (let i = 0; i < 256; i++) {
    const byte = bytes[at + 32 * (i >> 7) + (i % 32)];
    values[to + i] = d * (((byte >> (2 * ((i >> 5) % 4))) & 3) - 1);
  }
};

const powersOfThree = [1, 3, 9, 27, 81];

/** Five trits a byte, as a fraction of 256: multiplied by 3^e, the trit stands at the top. The last 16 weights have four trits a byte. */
const ternary1: BlockReader = (bytes, at, values, to) => {
  const d = halfAt(bytes, at + 52);
  for (let i = 0; i < 256; i++) {
    const [byte, e] =
      i < 160
        ? [bytes[at + (i % 32)], i >> 5]
        : i < 240
          ? [bytes[at + 32 + (i % 16)], (i - 160) >> 4]
          : [bytes[at + 48 + (i % 4)], (i - 240) >> 2];
    const trit = (((byte * powersOfThree[e]) & 255) * 3) >> 8;
    values[to + i] = d * (trit - 1);
  }
};

export const affineBlocks = {
  Q1_0: oneBit,
  Q2_0: twoBits,
  Q4_0: symmetric4(halves, halfAt, 2),
  Q4_1: withMinimum4(halves, halfAt, 2),
  Q5_0: symmetric5(halves),
  Q5_1: withMinimum5(halves),
  Q8_0: signedBytes(halfAt, 2),
  TQ1_0: ternary1,
  TQ2_0: ternary2,
  Q4_0_V1: symmetric4(neighbours, floatAt, 4),
  Q4_1_V1: withMinimum4(neighbours, floatAt, 4),
  Q5_0_V1: symmetric5(neighbours),
  Q5_1_V1: withMinimum5(neighbours),
  Q4_0_V2: symmetric4(halves, floatAt, 4),
  Q4_1_V2: withMinimum4(halves, floatAt, 4),
  Q8_0_V2: signedBytes(floatAt, 4),
} as const satisfies Record<string, BlockReader>;
