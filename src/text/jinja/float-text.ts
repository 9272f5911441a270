/** Decimal texts of floats as Python writes them: correctly rounded, half to even, however many digits are asked for. */

/** The shortest text that reads back as the same float: `repr` of Python. */
export function floatRepr(value: number): string {
  const special = specialText(value);
  if (special !== undefined) return special;
  const [, sign, first, rest = "", exponentText] =
    /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(Object.is(value, -0) ? "-0e+0" : value.toExponential()) ?? [];
  const exponent = Number(exponentText);
  const digits = first + rest;
  if (exponent < -4 || exponent >= 16) return `${sign}${first}${rest && `.${rest}`}${exponentSuffix(exponent)}`;
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${digits.slice(exponent + 1) || "0"}`;
}

/** `%.{digits}f`. */
export function fixed(value: number, digits: number): string {
  const special = specialText(value);
  if (special !== undefined) return special;
  const { numerator, denominator } = exactFraction(value);
  const scaled = roundedQuotient(numerator * 10n ** BigInt(digits), denominator);
  const text = String(scaled).padStart(digits + 1, "0");
  const whole = text.slice(0, text.length - digits);
  return `${signOf(value)}${whole}${digits > 0 ? `.${text.slice(-digits)}` : ""}`;
}

/** `%.{digits}e`. */
export function scientific(value: number, digits: number): string {
  const special = specialText(value);
  if (special !== undefined) return special;
  const { mantissa, exponent } = decimal(value, digits);
  return `${signOf(value)}${mantissa[0]}${digits > 0 ? `.${mantissa.slice(1)}` : ""}${exponentSuffix(exponent)}`;
}

/** `%.{precision}g`; `keepZeros` is the `#` flag. From the exponent `limit` on it is written with one. */
export function general(value: number, precision: number, keepZeros = false, limit = Math.max(1, precision)): string {
  const special = specialText(value);
  if (special !== undefined) return special;
  const digits = Math.max(1, precision);
  const { exponent } = decimal(value, digits - 1);
  const isSmall = exponent >= -4 && exponent < limit;
  const text = isSmall ? fixed(value, digits - 1 - exponent) : scientific(value, digits - 1);
  if (keepZeros || !text.includes(".")) return text;
  const [number, suffix] = text.split("e");
  return number.replace(/\.?0+$/, "") + (suffix === undefined ? "" : `e${suffix}`);
}

/** Python's round(value, digits): to the nearest, halves to even, of the float's exact value. */
export function roundFloat(value: number, digits: number): number {
  // Every float is a multiple of 2^-1074 and less than 10^309.
  if (!Number.isFinite(value) || digits > 1074) return value;
  if (digits < -308) return value * 0;
  if (digits >= 0) return Number(fixed(value, digits));
  const { numerator, denominator } = exactFraction(value);
  const unit = 10n ** BigInt(-digits);
  return Number(`${signOf(value)}${roundedQuotient(numerator, denominator * unit) * unit}`);
}

function specialText(value: number): string | undefined {
  if (Number.isNaN(value)) return "nan";
  return Number.isFinite(value) ? undefined : value > 0 ? "inf" : "-inf";
}

function signOf(value: number): string {
  return value < 0 || Object.is(value, -0) ? "-" : "";
}

/** Two digits at least. */
function exponentSuffix(exponent: number): string {
  return `e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/** The value without its sign: every float is an integer times a power of two. */
function exactFraction(value: number): { readonly numerator: bigint; readonly denominator: bigint } {
  const bits = new BigUint64Array(new Float64Array([Math.abs(value)]).buffer)[0];
  const biased = Number(bits >> 52n);
  const fraction = bits & ((1n << 52n) - 1n);
  const mantissa = biased === 0 ? fraction : fraction | (1n << 52n);
  const exponent = (biased === 0 ? 1 : biased) - 1075;
  return exponent >= 0
    ? { numerator: mantissa << BigInt(exponent), denominator: 1n }
    : { numerator: mantissa, denominator: 1n << BigInt(-exponent) };
}

/** One digit and `digits` more, times ten to the exponent. */
function decimal(value: number, digits: number): { readonly mantissa: string; readonly exponent: number } {
  if (value === 0) return { mantissa: "0".repeat(digits + 1), exponent: 0 };
  const { numerator, denominator } = exactFraction(value);
  let exponent = Number(Math.abs(value).toExponential().split("e")[1]);
  for (;;) {
    const scale = digits - exponent;
    const scaled =
      scale >= 0
        ? roundedQuotient(numerator * 10n ** BigInt(scale), denominator)
        : roundedQuotient(numerator, denominator * 10n ** BigInt(-scale));
    const mantissa = String(scaled);
    if (mantissa.length === digits + 1) return { mantissa, exponent };
    exponent += mantissa.length - digits - 1; // the first digit rounded up to ten
  }
}

function roundedQuotient(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const twice = 2n * (numerator - quotient * denominator);
  const isUp = twice > denominator || (twice === denominator && quotient % 2n === 1n);
  return isUp ? quotient + 1n : quotient;
}
