import { compareTexts } from "./code-points.ts";
import type { Allowance } from "./allowance.ts";
import { iterate } from "./sequences.ts";
import { renderError } from "./template-errors.ts";
import { Dict, DictView, isList, Range, Tuple, typeName, Undefined, type Value } from "./values.ts";

/** Python's a == b. */
export function equals(allowance: Allowance, a: Value, b: Value): boolean {
  allowance.spend();
  if (typeof a === "bigint" && typeof b === "bigint") return a === b;
  if (typeof a === "string" || typeof b === "string") {
    if (typeof a !== typeof b) return false;
    allowance.spendReading((a as string).length);
    return a === b;
  }
  if (a === null || b === null) return a === b;
  const x = asNumber(a);
  const y = asNumber(b);
  if (x !== undefined && y !== undefined) return compareNumbers(x, y) === 0;
  if (isList(a) && isList(b)) return allowance.nested(() => equalItems(allowance, a, b));
  if (a instanceof Tuple && b instanceof Tuple) return allowance.nested(() => equalItems(allowance, a.items, b.items));
  if (a instanceof Dict && b instanceof Dict) return allowance.nested(() => equalDicts(allowance, a, b));
  if (a instanceof Range && b instanceof Range)
    return a.length === b.length && (a.length === 0 || (a.start === b.start && (a.length === 1 || a.step === b.step)));
  if (a instanceof DictView && b instanceof DictView && a.part === b.part && a.part !== "values")
    return allowance.nested(() =>
      a.part === "items" ? equalDicts(allowance, a.dict, b.dict) : equalKeys(a.dict, b.dict),
    );
  return a === b || (a instanceof Undefined && b instanceof Undefined);
}

function equalItems(allowance: Allowance, a: readonly Value[], b: readonly Value[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i] || equals(allowance, item, b[i]));
}

function equalDicts(allowance: Allowance, a: Dict, b: Dict): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a.entries()) {
    const other = b.get(key);
    if (other === undefined || !(value === other || equals(allowance, value, other))) return false;
  }
  return true;
}

function equalKeys(a: Dict, b: Dict): boolean {
  return a.size === b.size && [...a.keys()].every((key) => b.has(key));
}

/** Booleans count as 0 and 1. */
export function asNumber(value: Value): bigint | number | undefined {
  if (typeof value === "bigint" || typeof value === "number") return value;
  return typeof value === "boolean" ? BigInt(value) : undefined;
}

/** Exact, also between an integer and a float; NaN where one of them is. */
function compareNumbers(a: bigint | number, b: bigint | number): number {
  return a < b ? -1 : a > b ? 1 : Number.isNaN(a) || Number.isNaN(b) ? NaN : 0;
}

/** Negative, zero or positive as Python orders a and b; NaN for what has no order. Throws RequestError for values of kinds that are not compared. */
export function compare(allowance: Allowance, a: Value, b: Value): number {
  allowance.spend();
  const x = asNumber(a);
  const y = asNumber(b);
  if (x !== undefined && y !== undefined) return compareNumbers(x, y);
  if (typeof a === "string" && typeof b === "string") {
    allowance.spendReading(Math.min(a.length, b.length));
    return compareTexts(a, b);
  }
  if (isList(a) && isList(b)) return allowance.nested(() => compareItems(allowance, a, b));
  if (a instanceof Tuple && b instanceof Tuple)
    return allowance.nested(() => compareItems(allowance, a.items, b.items));
  for (const value of [a, b]) if (value instanceof Undefined) throw renderError(value.problem);
  throw renderError(`values of type ${typeName(a)} and ${typeName(b)} have no order`);
}

function compareItems(allowance: Allowance, a: readonly Value[], b: readonly Value[]): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    if (a[i] !== b[i] && !equals(allowance, a[i], b[i])) return compare(allowance, a[i], b[i]);
  }
  return a.length - b.length;
}

/** Python's `item in container`. Throws RequestError for what contains nothing. */
export function contains(allowance: Allowance, container: Value, item: Value): boolean {
  if (typeof container === "string") {
    if (item instanceof Undefined) throw renderError(item.problem);
    if (typeof item !== "string") throw renderError(`only a string can be in a string, found ${typeName(item)}`);
    allowance.spendSearch(container.length, item.length);
    return container.includes(item);
  }
  if (container instanceof Dict) return container.has(item);
  if (container instanceof DictView && container.part === "keys") return container.dict.has(item);
  for (const element of iterate(allowance, container)) {
    if (element === item || equals(allowance, element, item)) return true;
  }
  return false;
}

/** Sorts as Python's sorted(): stable, also where the order is reversed. */
export function sorted<T>(
  allowance: Allowance,
  items: readonly T[],
  keyOf: (item: T) => Value,
  isReverse = false,
): T[] {
  allowance.spendElements(2 * items.length);
  const keyed = items.map((item) => ({ item, key: keyOf(item) }));
  const direction = isReverse ? -1 : 1;
  keyed.sort((a, b) => direction * compare(allowance, a.key, b.key) || 0);
  return keyed.map(({ item }) => item);
}
