/**
 * Conversions between f32 and the two 16-bit floats, which live in Uint16Array as bits.
 *
 * f16: 1 sign, 5 exponent (bias 15), 10 fraction bits (IEEE 754 binary16). bf16: the upper half of an f32.
 * Widening is exact. Narrowing rounds to nearest, ties to even, *once*: also a number that is no f32 value is rounded
 * straight to the target. NaN narrows to the canonical quiet NaN; its payload is not kept.
 */

const floats = new Float32Array(1);
const bits = new Uint32Array(floats.buffer);

/** Adding and subtracting this rounds a number of magnitude below 2^51 to an integer, ties to even. */
const roundingBias = 2 ** 52;

/** The f32 exponent of |x|, where x is given by its f32 bits: -127 for zero and subnormals, 128 for inf. */
function exponentOf(word: number): number {
  return ((word >>> 23) & 0xff) - 127;
}

/** Exact powers of two from 2^-150 to 2^150, made by doubling: Math.pow promises no exactness. */
const powers = /* @__PURE__ */ (() => {
  const table = new Float64Array(301);
  table[150] = 1;
  for (let i = 1; i <= 150; i++) {
    table[150 + i] = table[149 + i] * 2;
    table[150 - i] = table[151 - i] / 2;
  }
  return table;
})();

/**
 * The bits, without sign, of |x| in a format with `fractionBits` and smallest normal exponent `minExponent`.
 * Counting in units of the last place makes the carry into the exponent, the subnormals and the overflow into
 * infinity fall out of one addition. The exponent comes from the f32 neighbour of x; where that lies in the next
 * binade, x is so close to the power of two that both grids round to it.
 */
function magnitudeBits(x: number, word: number, fractionBits: number, minExponent: number): number {
  const exponent = Math.max(exponentOf(word), minExponent);
  const units = Math.abs(x) * powers[150 + fractionBits - exponent];
  const rounded = units + roundingBias - roundingBias;
  return (exponent - minExponent) * 2 ** fractionBits + rounded;
}

/** The f16 bits of `x`, rounded to nearest even. */
export function floatToHalf(x: number): number {
  floats[0] = x;
  const word = bits[0];
  if (x !== x) return 0x7e00;
  const sign = (word >>> 16) & 0x8000;
  return exponentOf(word) > 15 ? sign | 0x7c00 : sign | magnitudeBits(x, word, 10, -14);
}

/** The bf16 bits of `x`, rounded to nearest even. */
export function floatToBfloat16(x: number): number {
  floats[0] = x;
  const word = bits[0];
  if (x !== x) return 0x7fc0;
  const sign = (word >>> 16) & 0x8000;
  return exponentOf(word) > 127 ? sign | 0x7f80 : sign | magnitudeBits(x, word, 7, -126);
}

/** The f32 bits of an f16 given by its bits; NaN payloads move to the top of the fraction. */
function widenedHalfBits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return (sign | 0x7f800000 | (fraction << 13)) >>> 0;
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0;
  if (fraction === 0) return sign >>> 0;
  const shift = Math.clz32(fraction) - 21; // brings the leading one to bit 10, where it is implied
  return (sign | ((113 - shift) << 23) | ((fraction << (13 + shift)) & 0x7fffff)) >>> 0;
}

/** The value of the f16 with these bits. Bits above 16 are ignored. */
export function halfToFloat(half: number): number {
  bits[0] = widenedHalfBits(half);
  return floats[0];
}

/** The value of the bf16 with these bits. Bits above 16 are ignored. */
export function bfloat16ToFloat(half: number): number {
  bits[0] = half << 16;
  return floats[0];
}

let halfTable: Uint32Array | undefined;

/** All 65,536 halves as f32 bits (256 KiB, built on first use): a lookup is twice as fast as the shifts. */
function widenedHalves(): Uint32Array {
  if (halfTable === undefined) {
    halfTable = new Uint32Array(0x10000);
    for (let half = 0; half < 0x10000; half++) halfTable[half] = widenedHalfBits(half);
  }
  return halfTable;
}

/** f16 bits to f32 values, into the front of `dst` when given (at least as long), else into a new array. */
export function widenHalf(src: Uint16Array, dst = new Float32Array(src.length)): Float32Array {
  const out = wordsOf(dst, src.length);
  const table = widenedHalves();
  for (let i = 0; i < src.length; i++) out[i] = table[src[i]];
  return dst;
}

/** bf16 bits to f32 values, into the front of `dst` when given (at least as long), else into a new array. */
export function widenBfloat16(src: Uint16Array, dst = new Float32Array(src.length)): Float32Array {
  const out = wordsOf(dst, src.length);
  for (let i = 0; i < src.length; i++) out[i] = src[i] << 16;
  return dst;
}

/** f32 values to f16 bits, into the front of `dst` when given (at least as long), else into a new array. */
export function narrowToHalf(src: Float32Array, dst = new Uint16Array(src.length)): Uint16Array {
  checkRoom(dst, src.length);
  for (let i = 0; i < src.length; i++) dst[i] = floatToHalf(src[i]);
  return dst;
}

/** f32 values to bf16 bits, into the front of `dst` when given (at least as long), else into a new array. */
export function narrowToBfloat16(src: Float32Array, dst = new Uint16Array(src.length)): Uint16Array {
  checkRoom(dst, src.length);
  const words = wordsOf(src, src.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    const isNaN = (word & 0x7fffffff) > 0x7f800000;
    dst[i] = isNaN ? 0x7fc0 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return dst;
}

/** The same memory as words: going through numbers would let the engine quieten NaNs. */
function wordsOf(floats: Float32Array, length: number): Uint32Array {
  checkRoom(floats, length);
  return new Uint32Array(floats.buffer, floats.byteOffset, length);
}

function checkRoom(dst: { readonly length: number }, length: number): void {
  if (dst.length < length) throw new RangeError(`destination holds ${dst.length} elements, ${length} are written`);
}
