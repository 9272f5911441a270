import { clampToIndex, integerArgument } from "./builtin.ts";
import { hasSurrogates, lengthOfText, offsetsOf } from "./code-points.ts";
import type { Allowance } from "./allowance.ts";
import { renderError } from "./template-errors.ts";
import { Dict, DictView, isList, Lazy, Range, Tuple, typeName, Undefined, type Value } from "./values.ts";

/** The elements of a value, as Python's `for` sees them. Whoever takes them pays for each. Throws RequestError for what has none. */
export function iterate(allowance: Allowance, value: Value): Iterable<Value> {
  if (isList(value)) return value;
  if (typeof value === "string") {
    allowance.spendReading(value.length);
    return value; // JavaScript iterates over code points too
  }
  if (value instanceof Tuple) return value.items;
  if (value instanceof Dict) return value.keys();
  if (value instanceof DictView) return value.elements();
  if (value instanceof Range) return rangeElements(value);
  if (value instanceof Lazy) return { [Symbol.iterator]: () => value.values };
  if (value instanceof Undefined) return [];
  throw renderError(`a value of type ${typeName(value)} cannot be iterated over`);
}

export function isIterable(value: Value): boolean {
  return (
    typeof value === "string" ||
    isList(value) ||
    [Tuple, Dict, DictView, Range, Lazy, Undefined].some((kind) => value instanceof kind)
  );
}

/** As a list, which is the value itself where it is one. */
export function listOf(allowance: Allowance, value: Value): readonly Value[] {
  return isList(value) ? value : value instanceof Tuple ? value.items : allowance.toList(iterate(allowance, value));
}

function* rangeElements(range: Range): Generator<Value> {
  for (let i = 0; i < range.length; i++) yield range.at(i);
}

/** Before code points are counted, which are units of the text only where it has no surrogates. */
function spendCodePoints(allowance: Allowance, text: string): void {
  allowance.spendReading(text.length);
  if (hasSurrogates(text)) allowance.spend(text.length / 2);
}

/** Python's len(value); undefined for what has none. */
export function lengthOf(allowance: Allowance, value: Value): number | undefined {
  if (isList(value)) return value.length;
  if (typeof value === "string") {
    spendCodePoints(allowance, value);
    return lengthOfText(value);
  }
  if (value instanceof Tuple) return value.items.length;
  if (value instanceof Dict) return value.size;
  if (value instanceof DictView) return value.dict.size;
  if (value instanceof Range) return value.length;
  return value instanceof Undefined ? 0 : undefined;
}

/** Element of a text, list, tuple or range; negative ones count from the end. Undefined where there is none. */
export function elementAt(allowance: Allowance, value: Value, index: bigint): Value | undefined {
  const length = lengthOf(allowance, value) ?? 0;
  const given = clampToIndex(index);
  const i = given < 0 ? given + length : given;
  if (i < 0 || i >= length) return undefined;
  if (isList(value)) return value[i];
  if (value instanceof Tuple) return value.items[i];
  if (value instanceof Range) return value.at(i);
  if (typeof value !== "string") return undefined;
  if (length === value.length) return value[i];
  const offset = offsetsOf(value)?.[i] ?? i;
  return String.fromCodePoint(value.codePointAt(offset) ?? 0);
}

/** An index between 0 and the length; negative ones count from the end. */
export function indexBound(bound: Value | undefined, length: number, fallback: number): number {
  if (bound == null) return fallback;
  const index = integerArgument(bound, "an index");
  return Math.min(length, Math.max(0, index < 0 ? index + length : index));
}

export interface SliceBounds {
  readonly start: Value | undefined;
  readonly stop: Value | undefined;
  readonly step: Value | undefined;
}

/** Python's value[start:stop:step]; undefined for what cannot be sliced. Throws RequestError for bounds that are no integers. */
export function slice(allowance: Allowance, value: Value, bounds: SliceBounds): Value | undefined {
  const isSequence = typeof value === "string" || isList(value) || value instanceof Tuple || value instanceof Range;
  if (!isSequence) return undefined;
  const length = lengthOf(allowance, value) ?? 0;
  const step = bounds.step == null ? 1 : integerArgument(bounds.step, "the step of a slice");
  if (step === 0) throw renderError("the step of a slice cannot be zero");
  const lowest = step > 0 ? 0 : -1;
  const highest = step > 0 ? length : length - 1;
  const clamped = (bound: Value | undefined, fallback: number): number => {
    if (bound == null) return fallback;
    const index = integerArgument(bound, "the bound of a slice");
    return Math.min(highest, Math.max(lowest, index < 0 ? index + length : index));
  };
  const start = clamped(bounds.start, step > 0 ? lowest : highest);
  const stop = clamped(bounds.stop, step > 0 ? highest : lowest);
  const count = Math.max(0, Math.ceil((stop - start) / step));
  if (value instanceof Range) {
    const by = value.step * BigInt(step);
    return new Range(value.at(start), value.at(stop), by, count);
  }
  if (typeof value === "string") return sliceText(allowance, value, start, step, count);
  const items = isList(value) ? value : value.items;
  allowance.spendElements(count);
  const picked =
    step === 1 ? items.slice(start, start + count) : Array.from({ length: count }, (_, i) => items[start + i * step]);
  return isList(value) ? picked : new Tuple(picked);
}

function sliceText(allowance: Allowance, text: string, start: number, step: number, count: number): string {
  const offsets = offsetsOf(text);
  const offset = (index: number): number => offsets?.[index] ?? index;
  if (step === 1) return allowance.made(text.slice(offset(start), offset(start + count)));
  allowance.spendElements(count);
  const parts = Array.from({ length: count }, (_, i) => {
    const index = start + i * step;
    return text.slice(offset(index), offset(index + 1));
  });
  return allowance.made(parts.join(""));
}
