import { fixed, floatRepr, general, scientific } from "./float-text.ts";
import { integerText } from "./print-value.ts";
import type { Allowance } from "./allowance.ts";
import { renderError } from "./template-errors.ts";

/** How a number is written: what `%` and format specifications of Python have in common. */
export interface NumberStyle {
  /** d, o, x, X, b; e, E, f, F, g, G, %; r for the shortest text of a float, s for one like g that shows it is none of an integer. */
  readonly type: string;
  /** Digits behind the point, or of all for g; absent: 6. */
  readonly precision?: number | undefined;
  /** "+" and " " stand before what is not negative. */
  readonly sign?: string;
  /** `#`: a prefix for other bases, zeros at the end for g. */
  readonly isAlternate?: boolean;
  /** Between groups of three digits before the point (of four in other bases). */
  readonly separator?: string;
}

/** A number in two parts, between which zeros may be filled in. */
export interface NumberText {
  /** Sign and base. */
  readonly prefix: string;
  readonly digits: string;
}

const mostPrecision = 1000;
const bases: ReadonlyMap<string, number> = new Map(Object.entries({ o: 8, x: 16, X: 16, b: 2 }));

export function integerDigits(allowance: Allowance, value: bigint, style: NumberStyle): NumberText {
  const base = bases.get(style.type);
  const magnitude = value < 0n ? -value : value;
  if (base !== undefined) allowance.spendText(magnitude.toString(16).length * 4);
  const text = base === undefined ? integerText(allowance, magnitude) : magnitude.toString(base);
  const digits = style.type === "X" ? text.toUpperCase() : text;
  const prefix = style.isAlternate && base !== undefined ? `0${style.type}` : "";
  return {
    prefix: signText(value < 0n, style.sign) + prefix,
    digits: grouped(digits.padStart(style.precision ?? 0, "0"), style.separator, base === undefined ? 3 : 4),
  };
}

/** Throws RequestError for a precision beyond reason. */
export function floatDigits(allowance: Allowance, value: number, style: NumberStyle): NumberText {
  const { precision = 6 } = style;
  checkPrecision(precision);
  allowance.spend(16 + precision);
  const text = floatText(Math.abs(value), style, precision);
  const isUpper = style.type === "E" || style.type === "F" || style.type === "G";
  const [whole] = /^\d*/.exec(text) ?? [""];
  const point = style.isAlternate && whole !== "" && !text.includes(".") ? "." : "";
  return {
    prefix: signText(value < 0 || Object.is(value, -0), style.sign),
    digits: grouped(whole, style.separator, 3) + point + (isUpper ? text.toUpperCase() : text).slice(whole.length),
  };
}

export function checkPrecision(precision: number): void {
  if (precision > mostPrecision) throw renderError(`a precision of ${precision}; at most ${mostPrecision} is accepted`);
}

function floatText(value: number, { type, isAlternate }: NumberStyle, precision: number): string {
  switch (type) {
    case "f":
    case "F":
      return fixed(value, precision);
    case "e":
    case "E":
      return scientific(value, precision);
    case "g":
    case "G":
      return general(value, precision, isAlternate);
    case "s":
      return general(value, precision, false, Math.max(1, precision) - 1);
    case "%":
      return `${fixed(value * 100, precision)}%`;
    default:
      return floatRepr(value);
  }
}

function signText(isNegative: boolean, sign: string | undefined): string {
  return isNegative ? "-" : sign === "+" || sign === " " ? sign : "";
}

function grouped(digits: string, separator: string | undefined, size: number): string {
  if (!separator) return digits;
  const first = digits.length % size || size;
  const groups = [digits.slice(0, first)];
  for (let i = first; i < digits.length; i += size) groups.push(digits.slice(i, i + size));
  return groups.join(separator);
}
