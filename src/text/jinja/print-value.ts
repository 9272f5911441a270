import { floatRepr } from "./float-text.ts";
import type { Allowance } from "./allowance.ts";
import { renderError } from "./template-errors.ts";
import { Dict, DictView, isList, Namespace, Tuple, Undefined, type Value } from "./values.ts";

/** Bits of the longest integer that an operation may give; Python prints no more than 4300 digits, which is less. */
export const mostIntegerBits = 16384;

/** Python's str(value). */
export function toText(allowance: Allowance, value: Value): string {
  if (typeof value === "string") return value;
  return value instanceof Undefined ? "" : repr(allowance, value);
}

/** Python's repr(value). */
export function repr(allowance: Allowance, value: Value): string {
  return allowance.made(printed(allowance, value));
}

function printed(allowance: Allowance, value: Value): string {
  if (value === null) return "None";
  switch (typeof value) {
    case "string":
      return reprOfText(allowance, value);
    case "boolean":
      return value ? "True" : "False";
    case "bigint":
      return integerText(allowance, value);
    case "number":
      return floatRepr(value);
    default:
      return allowance.nested(() => printedObject(allowance, value));
  }
}

function printedObject(allowance: Allowance, value: Exclude<Value, null | string | boolean | bigint | number>): string {
  if (isList(value)) return `[${printedItems(allowance, value)}]`;
  if (value instanceof Tuple)
    return value.items.length === 1
      ? `(${repr(allowance, value.items[0])},)`
      : `(${printedItems(allowance, value.items)})`;
  if (value instanceof Dict) return `{${printedEntries(allowance, value.entries())}}`;
  if (value instanceof DictView) return `${value.typeName}([${printedItems(allowance, value.elements())}])`;
  if (value instanceof Namespace) return `<Namespace {${printedEntries(allowance, value.entries())}}>`;
  return value.describe(allowance);
}

function printedItems(allowance: Allowance, items: Iterable<Value>): string {
  const parts: string[] = [];
  for (const item of items) parts.push(repr(allowance, item));
  return parts.join(", ");
}

function printedEntries(allowance: Allowance, entries: Iterable<readonly [Value, Value]>): string {
  const parts: string[] = [];
  for (const [key, value] of entries) parts.push(`${repr(allowance, key)}: ${repr(allowance, value)}`);
  return parts.join(", ");
}

/** Decimal. Throws RequestError beyond 4300 digits, as Python does. */
export function integerText(allowance: Allowance, value: bigint): string {
  if (value <= Number.MAX_SAFE_INTEGER && value >= -Number.MAX_SAFE_INTEGER) return String(value);
  const text = String(value);
  allowance.spend(16 + text.length ** 2 / 10_000); // the time of the conversion grows with the square of the length
  if (text.length > 4300 + Number(value < 0n))
    throw renderError("an integer of more than 4300 digits cannot be printed");
  return text;
}

const escapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\" };
/** What str.isprintable denies, and the backslash. */
const needsEscape = /[\\\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;
const allThatNeedEscape = new RegExp(needsEscape, "gu");

function reprOfText(allowance: Allowance, text: string): string {
  allowance.spendText(text.length);
  const isDouble = text.includes("'") && !text.includes('"');
  const mark = isDouble ? '"' : "'";
  let body = text;
  if (needsEscape.test(text)) {
    allowance.spend(text.length);
    body = body.replace(allThatNeedEscape, (char) => escapes[char] ?? codeEscape(char));
  }
  if (!isDouble && body.includes("'")) body = body.replaceAll("'", "\\'");
  return mark + body + mark;
}

function codeEscape(char: string): string {
  const hex = (char.codePointAt(0) ?? 0).toString(16);
  if (hex.length <= 2) return `\\x${hex.padStart(2, "0")}`;
  return hex.length <= 4 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
