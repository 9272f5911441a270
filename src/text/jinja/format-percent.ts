import { clampToIndex, integerArgument } from "./builtin.ts";
import { lengthOfText } from "./code-points.ts";
import { asNumber } from "./compare-values.ts";
import { checkPrecision, floatDigits, integerDigits } from "./format-number.ts";
import { repr, toText } from "./print-value.ts";
import type { Allowance } from "./allowance.ts";
import { renderError, shown } from "./template-errors.ts";
import { Dict, Tuple, typeName, Undefined, type Value } from "./values.ts";

const conversion = /%(?:\(([^)]{0,200})\))?([-#0 +]*)(\*|\d+)?(?:\.(\*|\d*))?[hlL]?([^])|%/gu;

interface Conversion {
  readonly type: string;
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
}

/**
 * Python's `template % values`: a tuple has a value for each conversion, a dict those that conversions name, anything else is the only
 * one. Throws RequestError for conversions that are not known or do not fit their values.
 */
export function formatPercent(allowance: Allowance, template: string, values: Value): string {
  allowance.spendReading(template.length);
  const all = values instanceof Tuple ? values.items : [values];
  let used = 0;
  const next = (): Value => {
    if (used >= all.length) throw renderError(`not enough values for the format ${shown(template)}`);
    return all[used++];
  };
  const text = template.replace(
    conversion,
    (_, key?: string, flags: string = "", width?: string, precision?: string, type?: string) => {
      allowance.spend();
      if (type === undefined) throw renderError(`the format ${shown(template)} ends in a conversion`);
      if (type === "%") return "%";
      const sizeOf = (size: string): number =>
        size === "*" ? integerArgument(next(), "a width or precision") : clampToIndex(BigInt(size.slice(0, 20)));
      const wide = width === undefined ? 0 : sizeOf(width);
      const precise = precision === undefined ? undefined : sizeOf(precision);
      const value = key === undefined ? next() : named(values, key);
      return allowance.made(
        converted(allowance, value, {
          type,
          flags: wide < 0 ? `${flags}-` : flags,
          width: Math.abs(wide),
          precision: precise === undefined ? undefined : Math.max(0, precise),
        }),
      );
    },
  );
  if (values instanceof Tuple && used < all.length)
    throw renderError(`too many values for the format ${shown(template)}`);
  const isSingle = !(values instanceof Tuple || values instanceof Dict || Array.isArray(values));
  if (isSingle && used === 0) throw renderError(`too many values for the format ${shown(template)}`);
  return allowance.made(text);
}

function named(values: Value, key: string): Value {
  if (!(values instanceof Dict)) throw renderError(`the format names ${shown(key)}, but the values are no dict`);
  const value = values.get(key);
  if (value === undefined) throw renderError(`the format names ${shown(key)}, which the dict does not have`);
  return value;
}

function converted(allowance: Allowance, value: Value, conversion: Conversion): string {
  const { flags, width } = conversion;
  const { prefix, digits } = parts(allowance, value, conversion);
  const missing = width - lengthOfText(prefix) - lengthOfText(digits);
  if (missing <= 0) return prefix + digits;
  allowance.spendText(missing);
  if (flags.includes("-")) return prefix + digits + " ".repeat(missing);
  const isZeroed = flags.includes("0") && asNumber(value) !== undefined && !"scra".includes(conversion.type);
  return isZeroed ? prefix + "0".repeat(missing) + digits : " ".repeat(missing) + prefix + digits;
}

function parts(
  allowance: Allowance,
  value: Value,
  { type, flags, precision }: Conversion,
): { prefix: string; digits: string } {
  const cut = (text: string): string => (precision === undefined ? text : [...text].slice(0, precision).join(""));
  const sign = flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  const style = { type, precision, sign, isAlternate: flags.includes("#") };
  const number = asNumber(value);
  if (precision !== undefined && number !== undefined) checkPrecision(precision);
  switch (type) {
    case "s":
      return { prefix: "", digits: cut(toText(allowance, value)) };
    case "r":
    case "a":
      return { prefix: "", digits: cut(repr(allowance, value)) };
    case "c":
      return { prefix: "", digits: character(value) };
    case "d":
    case "i":
    case "u":
      if (number === undefined) throw wrong(value, type);
      return integerDigits(allowance, typeof number === "bigint" ? number : truncated(number), { ...style, type: "d" });
    case "o":
    case "x":
    case "X":
      if (typeof number !== "bigint") throw wrong(value, type);
      return integerDigits(allowance, number, style);
    case "e":
    case "E":
    case "f":
    case "F":
    case "g":
    case "G":
      if (number === undefined) throw wrong(value, type);
      return floatDigits(allowance, Number(number), style);
    default:
      throw renderError(`the format has an unknown conversion ${shown(`%${type}`)}`);
  }
}

/** Towards zero. Throws RequestError for what is not finite. */
export function truncated(value: number): bigint {
  if (!Number.isFinite(value)) throw renderError("an infinite float, or one that is no number, has no integer");
  return BigInt(Math.trunc(value));
}

function character(value: Value): string {
  if (typeof value === "string" && lengthOfText(value) === 1) return value;
  if (typeof value === "bigint" && value >= 0n && value <= 0x10ffffn) return String.fromCodePoint(Number(value));
  throw wrong(value, "c");
}

function wrong(value: Value, type: string): Error {
  if (value instanceof Undefined) return renderError(value.problem);
  return renderError(`%${type} in a format does not take a value of type ${typeName(value)}`);
}
