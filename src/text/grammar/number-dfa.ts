import type { StepBudget } from "../../util/step-budget.ts";
import { CodePointDfa } from "./code-point-dfa.ts";
import { mostDigits } from "./json-value.ts";
import { regexDfa } from "./regex-dfa.ts";

/** Bounds of a number; absent: none. */
export interface NumberBounds {
  readonly least?: Bound | undefined;
  readonly most?: Bound | undefined;
}

export interface Bound {
  readonly value: number;
  readonly isExclusive: boolean;
}

/** Integers of JSON within bounds, without fraction and exponent, and multiples of `multipleOf`, an integer. */
export function integerDfa({ least, most }: NumberBounds, multipleOf: number, budget: StepBudget): CodePointDfa {
  const smallest = least && lowestInteger(least);
  const largest = most && -lowestInteger({ ...most, value: -most.value });
  const room = 10n ** BigInt(mostDigits);
  const low = smallest ?? (largest !== undefined && -largest >= room ? 10n * largest : 1n - room);
  const high = largest ?? (smallest !== undefined && smallest >= room ? 10n * smallest : room - 1n);
  const parts: string[] = [];
  if (high >= 0n && low <= high) parts.push(integerRange(low > 0n ? low : 0n, high));
  if (low < 0n && low <= high) parts.push(`-(?:${integerRange(high < 0n ? -high : 1n, -low)})`);
  const range = regexDfa(parts.length === 0 ? "[]" : parts.join("|"), { isWhole: true, budget });
  return multipleOf === 1 ? range : range.intersect(multiples(multipleOf), budget);
}

/** The first integer that is not below the bound as JSON.parse reads it, beyond 2 ** 53 too. */
function lowestInteger({ value, isExclusive }: Bound): bigint {
  const rounded = BigInt(Math.ceil(value));
  if (!isExclusive || Number(rounded) !== value) return rounded;
  let next = rounded + 1n;
  // Neighbours that f64 does not tell apart from the bound would be read as the bound itself.
  for (let step = 1n; Number(next) === value; step *= 2n) next = rounded + step;
  return next;
}

/** Digits whose number is a multiple, by the remainder so far. */
function multiples(divisor: number): CodePointDfa {
  const digitEdges = (remainder: number): number[] =>
    Array.from({ length: 10 }, (_, d) => [0x30 + d, 0x30 + d, 2 + ((10 * remainder + d) % divisor)]).flat();
  const edges = [[0x2d, 0x2d, 1, ...digitEdges(0)], digitEdges(0)];
  for (let remainder = 0; remainder < divisor; remainder++) edges.push(digitEdges(remainder));
  return new CodePointDfa(
    edges,
    edges.map((_, state) => state === 2),
  );
}

/** A pattern of the integers from `low` to `high`, both not negative. */
function integerRange(low: bigint, high: bigint): string {
  const parts: string[] = [];
  for (let length = String(low).length; length <= String(high).length; length++) {
    const first = length === 1 ? 0n : 10n ** BigInt(length - 1);
    const last = 10n ** BigInt(length) - 1n;
    parts.push(sameLengthRange(String(low > first ? low : first), String(high < last ? high : last)));
  }
  return parts.join("|");
}

function sameLengthRange(low: string, high: string): string {
  const length = low.length;
  if (low === high) return low;
  if (/^0*$/.test(low) && /^9*$/.test(high)) return anyDigits(length);
  const [first, last] = [Number(low[0]), Number(high[0])];
  if (length === 1) return `[${first}-${last}]`;
  if (first === last) return `${first}(?:${sameLengthRange(low.slice(1), high.slice(1))})`;
  const parts = [`${first}(?:${sameLengthRange(low.slice(1), "9".repeat(length - 1))})`];
  if (last - first > 1) parts.push(`[${first + 1}-${last - 1}]${anyDigits(length - 1)}`);
  parts.push(`${last}(?:${sameLengthRange("0".repeat(length - 1), high.slice(1))})`);
  return parts.join("|");
}

function anyDigits(count: number): string {
  return count === 0 ? "" : `[0-9]{${count}}`;
}

/**
 * Decimal fractions of JSON within bounds, without exponent. They have few enough digits that f64 tells them apart: whoever parses them
 * finds them on the same side of the bound.
 */
export function decimalDfa({ least, most }: NumberBounds, budget: StepBudget): CodePointDfa {
  const bounds = [least, most].filter((bound) => bound !== undefined);
  const decimals = bounds.map(({ value }) => decimalOf(Math.abs(value)));
  const longest = Math.max(...decimals.map(({ whole }) => whole.length));
  const wholeDigits = bounds.length === 2 ? longest : Math.max(longest + 1, 9);
  const finest = bounds.some(({ isExclusive }) => isExclusive)
    ? 0
    : Math.max(...decimals.map((d) => d.fraction.length));
  const shape = { wholeDigits, fractionDigits: Math.max(mostDigits - wholeDigits, finest, 0) };
  const dfaOf = (pattern: string): CodePointDfa => regexDfa(pattern, { isWhole: true, budget });
  let dfa = dfaOf(`-?(?:0|[1-9][0-9]{0,${wholeDigits - 1}})(?:\\.[0-9]+)?`);
  if (least !== undefined) dfa = dfa.intersect(dfaOf(halfLine(least, shape, "least")), budget);
  if (most !== undefined) dfa = dfa.intersect(dfaOf(halfLine(most, shape, "most")), budget);
  return dfa;
}

interface Shape {
  readonly wholeDigits: number;
  readonly fractionDigits: number;
}

/** Numbers on one side of a bound. What is below zero is what is beyond it, turned around. */
function halfLine({ value, isExclusive }: Bound, shape: Shape, side: "least" | "most"): string {
  const all = `(?:0|[1-9][0-9]*)${anyFraction(shape)}`;
  const isTowardsZero = side === "least" ? value < 0 : value >= 0;
  const sign = value < 0 ? "-" : "";
  const otherSign = value < 0 ? "" : "-";
  if (isTowardsZero) return `${sign}(?:${atMost(Math.abs(value), isExclusive, shape)})|${otherSign}${all}`;
  return `${sign}(?:${atLeast(Math.abs(value), isExclusive, shape)})`;
}

function anyFraction({ fractionDigits }: Shape): string {
  return fractionDigits === 0 ? "" : `(?:\\.[0-9]{1,${fractionDigits}})?`;
}

/** Not negative numbers from `value` on. A point without digits behind it may be among them; the caller leaves it out. */
function atLeast(value: number, isExclusive: boolean, shape: Shape): string {
  const { whole, fraction } = decimalOf(value);
  const tail = largerFraction(fraction, shape.fractionDigits, isExclusive);
  const canBeWhole = fraction === "" && !isExclusive;
  const parts = tail === undefined ? [] : [`${whole}(?:\\.(?:${tail}))${canBeWhole ? "?" : ""}`];
  if (canBeWhole) parts.push(whole);
  const next = BigInt(whole) + 1n;
  const largest = 10n ** BigInt(shape.wholeDigits) - 1n;
  if (next <= largest) parts.push(`(?:${integerRange(next, largest)})${anyFraction(shape)}`);
  return parts.join("|");
}

/** Not negative numbers up to `value`. */
function atMost(value: number, isExclusive: boolean, shape: Shape): string {
  const { whole, fraction } = decimalOf(value);
  const parts: string[] = [];
  if (BigInt(whole) > 0n) parts.push(`(?:${integerRange(0n, BigInt(whole) - 1n)})${anyFraction(shape)}`);
  if (fraction !== "" || !isExclusive) {
    parts.push(whole, `${whole}\\.(?:${smallerFraction(fraction, shape.fractionDigits, isExclusive)})`);
  }
  return parts.length === 0 ? "[]" : parts.join("|");
}

/** Up to `room` digits behind the point that make no less (exclusive: more) than `fraction`; undefined: there are none. */
function largerFraction(fraction: string, room: number, isExclusive: boolean): string | undefined {
  if (fraction === "" && !isExclusive) return `[0-9]{0,${room}}`;
  if (room === 0) return undefined;
  const first = Number(fraction[0] ?? "0");
  const parts = first < 9 ? [`[${first + 1}-9][0-9]{0,${room - 1}}`] : [];
  const rest = largerFraction(fraction.slice(1), room - 1, isExclusive);
  if (rest !== undefined) parts.push(`${first}(?:${rest})`);
  return parts.length === 0 ? undefined : parts.join("|");
}

/** Up to `room` digits behind the point that make no more (exclusive: less) than `fraction`, none included. */
function smallerFraction(fraction: string, room: number, isExclusive: boolean): string {
  if (fraction === "") return isExclusive ? "[]" : `0{0,${room}}`;
  if (room === 0) return "";
  const first = Number(fraction[0]);
  const parts = first > 0 ? [`[0-${first - 1}][0-9]{0,${room - 1}}`] : [];
  parts.push(`${first}(?:${smallerFraction(fraction.slice(1), room - 1, isExclusive)})`);
  return `(?:${parts.join("|")})?`;
}

/** Digits before and behind the point of a number that is not negative: what JavaScript prints, without its exponent. */
function decimalOf(value: number): { readonly whole: string; readonly fraction: string } {
  const [digits, exponent = "0"] = String(value).split("e");
  const [whole, fraction = ""] = digits.split(".");
  const shift = Number(exponent);
  const all = whole + fraction;
  const point = whole.length + shift;
  const padded = point <= 0 ? "0".repeat(1 - point) + all : all.padEnd(point, "0");
  const split = Math.max(1, point);
  return { whole: padded.slice(0, split).replace(/^0+(?=.)/, ""), fraction: padded.slice(split).replace(/0+$/, "") };
}
