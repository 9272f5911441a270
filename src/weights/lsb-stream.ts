/**
 * LSB streams: codes of b bits written one after another, lowest bits first, into little-endian 32-bit words. Code i is
 * bits [b * i, b * i + b) of the words taken as one long integer, first word lowest; with 3, 5 and 6 bits some codes
 * cross a word. Codes lie so along k in GPTQ (3 bit too: ten codes, a split one, …, is the same thing) and EXL2, and
 * zero points along n.
 *
 * A stream need not be contiguous: word w is `words[start + w * stride]`, which makes a column of a matrix of words a
 * stream. Streams are shorter than 2^31 bits.
 */

/** Words that `count` codes take. */
export function streamWords(bits: number, count: number): number {
  return Math.ceil((bits * count) / 32);
}

/** Code `index` of the stream. */
export function getCode(words: Uint32Array, bits: number, index: number, start = 0, stride = 1): number {
  const bit = bits * index;
  const at = start + (bit >>> 5) * stride;
  const shift = bit & 31;
  const low = words[at] >>> shift;
  const code = shift + bits > 32 ? low | (words[at + stride] << (32 - shift)) : low;
  return code & ((1 << bits) - 1);
}

/** Writes code `index`, taken modulo 2^bits, into a stream whose bits there are zero. */
export function putCode(words: Uint32Array, bits: number, index: number, code: number, start = 0, stride = 1): void {
  const bit = bits * index;
  const at = start + (bit >>> 5) * stride;
  const shift = bit & 31;
  const masked = code & ((1 << bits) - 1);
  words[at] |= masked << shift;
  if (shift + bits > 32) words[at + stride] |= masked >>> (32 - shift);
}

/** The first `codes.length` codes of a contiguous stream. */
export function unpackStream(words: Uint32Array, bits: number, codes: Uint8Array): void {
  const mask = (1 << bits) - 1;
  for (let i = 0, bit = 0; i < codes.length; i++, bit += bits) {
    const shift = bit & 31;
    let code = words[bit >>> 5] >>> shift;
    if (shift + bits > 32) code |= words[(bit >>> 5) + 1] << (32 - shift);
    codes[i] = code & mask;
  }
}
