import { integerArgument } from "./builtin.ts";
import { compareTexts } from "./code-points.ts";
import { floatRepr } from "./float-text.ts";
import { integerText, toText } from "./print-value.ts";
import type { Allowance } from "./allowance.ts";
import { listOf } from "./sequences.ts";
import { renderError } from "./template-errors.ts";
import { Dict, isList, isTrue, Tuple, typeName, type Value } from "./values.ts";

export interface JsonOptions {
  readonly ensureAscii?: Value | undefined;
  /** Spaces, or the text itself, that each level is indented by. */
  readonly indent?: Value | undefined;
  /** A pair: between elements, and behind keys. */
  readonly separators?: Value | undefined;
  readonly sortKeys?: Value | undefined;
}

/** Python's json.dumps. Throws RequestError for values that JSON does not have. */
export function toJson(allowance: Allowance, value: Value, options: JsonOptions): string {
  const { ensureAscii = false, indent, separators, sortKeys = false } = options;
  const step = indentText(allowance, indent ?? null);
  const [betweenItems, behindKeys] = separatorTexts(allowance, separators ?? null, step !== undefined);
  const isAscii = isTrue(ensureAscii);
  const isSorted = isTrue(sortKeys);
  const write = (item: Value, margin: string): string => {
    if (item === null) return "null";
    if (typeof item === "string") return jsonText(allowance, item, isAscii);
    if (typeof item === "boolean") return item ? "true" : "false";
    if (typeof item === "bigint") return integerText(allowance, item);
    if (typeof item === "number") return jsonFloat(item);
    return allowance.nested(() => allowance.made(writeCollection(item, margin)));
  };
  const writeCollection = (item: Value, margin: string): string => {
    const inner = step === undefined ? "" : margin + step;
    const wrap = (open: string, parts: readonly string[], close: string): string => {
      if (parts.length === 0) return open + close;
      allowance.spendText(parts.length * (betweenItems.length + inner.length + 1));
      return open + inner + parts.join(betweenItems + inner) + (step === undefined ? "" : margin) + close;
    };
    allowance.spend();
    if (isList(item) || item instanceof Tuple) {
      const items = isList(item) ? item : item.items;
      return wrap(
        "[",
        partsOf(allowance, items, (element) => write(element, inner)),
        "]",
      );
    }
    if (!(item instanceof Dict)) throw renderError(`a value of type ${typeName(item)} cannot be written as JSON`);
    const entries = isSorted ? sortedEntries(allowance, item) : item.entries();
    const parts = partsOf(
      allowance,
      entries,
      ([key, element]) => jsonKey(allowance, key, isAscii) + behindKeys + write(element, inner),
    );
    return wrap("{", parts, "}");
  };
  return write(value, "\n");
}

function partsOf<T>(allowance: Allowance, items: Iterable<T>, write: (item: T) => string): readonly string[] {
  const parts: string[] = [];
  for (const item of items) {
    allowance.spendElements(1);
    parts.push(write(item));
  }
  return parts;
}

function indentText(allowance: Allowance, indent: Value): string | undefined {
  if (indent === null) return undefined;
  if (typeof indent === "string") return indent;
  const width = Math.max(0, integerArgument(indent, "indent"));
  allowance.spendText(width);
  return " ".repeat(width);
}

function separatorTexts(allowance: Allowance, separators: Value, isIndented: boolean): readonly [string, string] {
  if (separators === null) return [isIndented ? "," : ", ", ": "];
  const pair = listOf(allowance, separators);
  const [items, keys] = pair;
  if (pair.length !== 2 || typeof items !== "string" || typeof keys !== "string")
    throw renderError("separators must be two strings");
  return [items, keys];
}

function sortedEntries(allowance: Allowance, dict: Dict): Iterable<readonly [Value, Value]> {
  allowance.spendElements(2 * dict.size);
  return [...dict.entries()].sort(([a], [b]) => {
    allowance.spend();
    if (typeof a !== "string" || typeof b !== "string") throw renderError("sort_keys takes keys that are all strings");
    return compareTexts(a, b);
  });
}

function jsonKey(allowance: Allowance, key: Value, isAscii: boolean): string {
  if (typeof key === "string") return jsonText(allowance, key, isAscii);
  if (key === null) return '"null"';
  if (typeof key === "boolean") return `"${key}"`;
  if (typeof key === "number") return `"${jsonFloat(key)}"`;
  if (typeof key === "bigint") return `"${toText(allowance, key)}"`;
  throw renderError(`a key of type ${typeName(key)} cannot be written as JSON`);
}

/** Python writes what JSON has no word for. */
function jsonFloat(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  return Number.isFinite(value) ? floatRepr(value) : value > 0 ? "Infinity" : "-Infinity";
}

const shortEscapes: Readonly<Record<string, string>> = {
  ...{ '"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f", "\b": "\\b" },
};

function jsonText(allowance: Allowance, text: string, isAscii: boolean): string {
  allowance.spendText(text.length);
  // eslint-disable-next-line no-control-regex -- these are what must be escaped
  const escaped = text.replace(isAscii ? /["\\]|[^ -~]/g : /["\\\x00-\x1f]/g, (unit) => {
    return shortEscapes[unit] ?? `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
  return `"${escaped}"`;
}
