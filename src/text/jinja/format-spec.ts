import { clampToIndex } from "./builtin.ts";
import { lengthOfText } from "./code-points.ts";
import { asNumber } from "./compare-values.ts";
import { checkPrecision, floatDigits, integerDigits, type NumberText } from "./format-number.ts";
import { toText } from "./print-value.ts";
import type { Allowance } from "./allowance.ts";
import { renderError, shown } from "./template-errors.ts";
import { typeName, type Value } from "./values.ts";

const specification = /^(?:([^])?([<>=^]))?([-+ ])?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([a-zA-Z%])?$/u;

/** Python's format(value, spec). Throws RequestError for a specification that is not understood or does not fit the value. */
export function formatSpec(allowance: Allowance, value: Value, spec: string): string {
  if (spec === "") return toText(allowance, value);
  const match = specification.exec(spec);
  if (match === null) throw renderError(`the format specification ${shown(spec)} is not understood`);
  const [, fill, align, sign = "", alternate, zero, width, separator, precisionText, type] = match;
  const precision = precisionText === undefined ? undefined : clampToIndex(BigInt(precisionText.slice(0, 20)));
  const style = { sign, isAlternate: alternate !== undefined, ...(separator !== undefined && { separator }) };
  const number = numberParts(allowance, value, type, precision, style);
  const isNumber = number !== undefined;
  const text = typeof value === "string" && (type ?? "s") === "s" ? cut(value, precision) : undefined;
  if (!isNumber && text === undefined)
    throw renderError(`the format specification ${shown(spec)} does not take a value of type ${typeName(value)}`);
  const { prefix, digits } = number ?? { prefix: "", digits: text ?? "" };
  const missing = (width === undefined ? 0 : clampToIndex(BigInt(width.slice(0, 20)))) - lengthOfText(prefix + digits);
  if (missing <= 0) return prefix + digits;
  allowance.spendText(missing * 2);
  const filler = fill ?? (zero === undefined ? " " : "0");
  switch (align ?? (zero !== undefined && isNumber ? "=" : isNumber ? ">" : "<")) {
    case "<":
      return prefix + digits + filler.repeat(missing);
    case "^":
      return filler.repeat(missing >> 1) + prefix + digits + filler.repeat(missing - (missing >> 1));
    case "=":
      if (!isNumber) throw renderError("the alignment = is for numbers only");
      return prefix + filler.repeat(missing) + digits;
    default:
      return filler.repeat(missing) + prefix + digits;
  }
}

function cut(text: string, precision: number | undefined): string {
  return precision === undefined ? text : [...text].slice(0, precision).join("");
}

/** Undefined for what is written as text. */
function numberParts(
  allowance: Allowance,
  value: Value,
  type: string | undefined,
  precision: number | undefined,
  style: { readonly sign: string; readonly isAlternate: boolean; readonly separator?: string },
): NumberText | undefined {
  const number = asNumber(value);
  if (number === undefined) return undefined;
  if (precision !== undefined) checkPrecision(precision);
  if (typeof number === "bigint") {
    if (precision !== undefined && !"eEfFgG%".includes(type ?? "d"))
      throw renderError("a format specification of an integer takes no precision");
    if (type === undefined || "dnoxXb".includes(type))
      return integerDigits(allowance, number, { ...style, type: type ?? "d" });
    if (type === "c") return { prefix: "", digits: String.fromCodePoint(Number(BigInt.asUintN(20, number))) };
  }
  if (type !== undefined && !"eEfFgGn%".includes(type)) return undefined;
  if (type === undefined && precision !== undefined) {
    // As g, but with a digit behind the point.
    const parts = floatDigits(allowance, Number(number), { ...style, type: "s", precision });
    return /[.en]/.test(parts.digits) ? parts : { ...parts, digits: `${parts.digits}.0` };
  }
  return floatDigits(allowance, Number(number), { ...style, type: type === "n" ? "g" : (type ?? "r"), precision });
}
