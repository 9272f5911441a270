/**
 * Planar streams: every 32 codes of b bits take b words, split by bits from the lowest: a plane of 4 bits, one of 2 and one of
 * 1, as b has them (3 = 2 + 1, 7 = 4 + 2 + 1). A plane of w bits is w words, in which code t has bits [w * t, w * t + w).
 * Layout: GPTQModel 7.7.0, gptqmodel/nn_modules/qlinear, checkpoint format `gptq_p`.
 *
 * As with LSB streams, word w is `words[start + w * stride]`.
 */
const planeWidths = [4, 2, 1] as const;

/** Code `index` of the stream, of 3, 5, 6 or 7 bits. */
export function getPlanarCode(words: Uint32Array, bits: number, index: number, start = 0, stride = 1): number {
  let word = Math.floor(index / 32) * bits;
  let low = 0;
  let code = 0;
  for (const width of planeWidths) {
    if ((bits & width) === 0) continue;
    const bit = width * (index % 32);
    const field = (words[start + (word + (bit >>> 5)) * stride] >>> (bit & 31)) & ((1 << width) - 1);
    code |= field << low;
    word += width;
    low += width;
  }
  return code;
}

/** Writes code `index` into a stream whose bits there are zero. */
export function putPlanarCode(
  words: Uint32Array,
  bits: number,
  index: number,
  code: number,
  start = 0,
  stride = 1,
): void {
  let word = Math.floor(index / 32) * bits;
  let low = 0;
  for (const width of planeWidths) {
    if ((bits & width) === 0) continue;
    const bit = width * (index % 32);
    words[start + (word + (bit >>> 5)) * stride] |= ((code >>> low) & ((1 << width) - 1)) << (bit & 31);
    word += width;
    low += width;
  }
}
