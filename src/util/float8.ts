/**
 * The 8-bit floats of checkpoints, as tables of 256 f32 values indexed by the byte. All values are exact in f32.
 *
 * e4m3fn  1-4-3, bias 7: no infinity, NaN is 0x7f and 0xff, largest 448. What "FP8" means in nearly every checkpoint.
 * e5m2    1-5-2, bias 15: like a small IEEE format, with infinities, largest 57344.
 * fnuz    the AMD variants: bias one higher, so the same byte is half the value; 0x80 is the only NaN, there is no -0.
 * e8m0    only an exponent, 2^(byte - 127), 0xff is NaN: the scales of the MX formats.
 * Source: OCP 8-bit Floating Point Specification (revision 1.0); OCP Microscaling Formats 1.0 for e8m0.
 */
export type Float8 = "e4m3fn" | "e5m2" | "e4m3fnuz" | "e5m2fnuz" | "e8m0";

const tables = new Map<Float8, Float32Array>();

/** The 256 values of a format. Built on first use and shared: do not write to it. */
export function float8Table(format: Float8): Float32Array {
  let table = tables.get(format);
  if (table === undefined) {
    table = Float32Array.from({ length: 256 }, (_, byte) => decode(format, byte));
    tables.set(format, table);
  }
  return table;
}

function decode(format: Float8, byte: number): number {
  switch (format) {
    case "e4m3fn":
      return (byte & 0x7f) === 0x7f ? NaN : minifloat(byte, 3, 7);
    case "e5m2":
      if ((byte & 0x7f) < 0x7c) return minifloat(byte, 2, 15);
      return (byte & 0x7f) > 0x7c ? NaN : byte < 0x80 ? Infinity : -Infinity;
    case "e4m3fnuz":
      return byte === 0x80 ? NaN : minifloat(byte, 3, 8);
    case "e5m2fnuz":
      return byte === 0x80 ? NaN : minifloat(byte, 2, 16);
    case "e8m0":
      return byte === 0xff ? NaN : 2 ** (byte - 127);
    default:
      throw format satisfies never;
  }
}

/** Sign in bit 7, then the exponent, then `fractionBits`; exponent 0 holds zero and the subnormals. No specials. */
function minifloat(byte: number, fractionBits: number, bias: number): number {
  const sign = byte & 0x80 ? -1 : 1;
  const fraction = byte & (2 ** fractionBits - 1);
  const exponent = (byte & 0x7f) >> fractionBits;
  const significand = exponent === 0 ? fraction : fraction + 2 ** fractionBits;
  return sign * significand * 2 ** (Math.max(exponent, 1) - bias - fractionBits);
}
