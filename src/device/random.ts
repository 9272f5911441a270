/**
 * Random numbers as a function of (seed, position) and of nothing else, so that a request draws the same tokens whatever runs beside it,
 * on every backend. Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): ten rounds of 32-bit
 * multiplications and exclusive ors that turn a counter of 4 words into 4 random words under a key of 2.
 */

const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
/** Added to the key after every round: the golden ratio and the square root of 3, less 1. */
const weyl0 = 0x9e3779b9;
const weyl1 = 0xbb67ae85;

/** The upper word of the product of two u32. */
function multiplyHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16); // at most 2^32 - 2^16: exact
  const low = a0 * b1 + (middle % 0x10000);
  return (a1 * b1 + Math.floor(middle / 0x10000) + Math.floor(low / 0x10000)) >>> 0;
}

/** Philox4x32-10. All words are u32; agrees with the known answers that Random123 publishes. */
export function philox(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(multiplier0, c0);
    const high1 = multiplyHigh(multiplier1, c2);
    const low0 = Math.imul(multiplier0, c0) >>> 0;
    const low1 = Math.imul(multiplier1, c2) >>> 0;
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + weyl0) >>> 0;
    k1 = (k1 + weyl1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/**
 * The number in [0, 1) that draws the token at `position` of a sequence: the upper 24 bits of the first word of Philox with the counter
 * (position, 0, 0, 0) and the key (seedLow, seedHigh), times 2^-24. Exact in f32.
 */
export function uniformAt(seedLow: number, seedHigh: number, position: number): number {
  const [word] = philox([position >>> 0, 0, 0, 0], [seedLow, seedHigh]);
  return (word >>> 8) / 2 ** 24;
}
