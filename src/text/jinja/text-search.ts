import { integerArgument } from "./builtin.ts";
import { lengthOfText } from "./code-points.ts";
import type { Allowance } from "./allowance.ts";
import { indexBound, slice } from "./sequences.ts";
import { renderError } from "./template-errors.ts";
import { whitespace } from "./split-source.ts";
import type { Value } from "./values.ts";

const spaces = new RegExp(`[${whitespace}]`);
const words = new RegExp(`[^${whitespace}]+`, "g");

/** Takes characters off the ends: whitespace, or any of those in `chars`. */
export function strip(
  allowance: Allowance,
  text: string,
  chars: Value | undefined,
  ends: "left" | "right" | "both",
): string {
  if (chars != null && typeof chars !== "string") throw renderError("what to strip must be a string of characters");
  const set = chars == null ? undefined : new Set(chars);
  const isStripped = (char: string): boolean => (set === undefined ? spaces.test(char) : set.has(char));
  let start = 0;
  let end = text.length;
  if (ends !== "right") {
    for (; start < end;) {
      const char = String.fromCodePoint(text.codePointAt(start) ?? 0);
      if (!isStripped(char)) break;
      start += char.length;
    }
  }
  if (ends !== "left") {
    for (; end > start;) {
      const char = lastCharacter(text, end);
      if (!isStripped(char)) break;
      end -= char.length;
    }
  }
  allowance.spend((text.length - (end - start)) / 4);
  return allowance.made(text.slice(start, end));
}

/** That ends at an offset. */
function lastCharacter(text: string, end: number): string {
  const isPair = end >= 2 && /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(end - 2, end));
  return text.slice(end - (isPair ? 2 : 1), end);
}

/** Python's str.split; `limit` cuts are made, all where it is negative. */
export function split(allowance: Allowance, text: string, separator: Value | undefined, limit: number): string[] {
  if (separator == null) return splitWords(allowance, text, limit);
  const mark = separatorText(separator);
  allowance.spendSearch(text.length, mark.length);
  const parts: string[] = [];
  let from = 0;
  while (limit < 0 || parts.length < limit) {
    const at = text.indexOf(mark, from);
    if (at < 0) break;
    pushPart(allowance, parts, text.slice(from, at));
    from = at + mark.length;
  }
  pushPart(allowance, parts, text.slice(from));
  return parts;
}

/** Python's str.rsplit. */
export function splitFromRight(
  allowance: Allowance,
  text: string,
  separator: Value | undefined,
  limit: number,
): string[] {
  if (limit < 0) return split(allowance, text, separator, limit);
  if (separator == null) return splitWordsFromRight(allowance, text, limit);
  const mark = separatorText(separator);
  allowance.spendSearch(text.length, mark.length);
  const parts: string[] = [];
  let end = text.length;
  while (parts.length < limit) {
    const at = end < mark.length ? -1 : text.lastIndexOf(mark, end - mark.length);
    if (at < 0) break;
    pushPart(allowance, parts, text.slice(at + mark.length, end));
    end = at;
  }
  pushPart(allowance, parts, text.slice(0, end));
  return parts.reverse();
}

function splitWords(allowance: Allowance, text: string, limit: number): string[] {
  allowance.spendReading(text.length * 8);
  const parts: string[] = [];
  for (const match of text.matchAll(words)) {
    if (limit >= 0 && parts.length === limit) {
      pushPart(allowance, parts, text.slice(match.index));
      break;
    }
    pushPart(allowance, parts, match[0]);
  }
  return parts;
}

function splitWordsFromRight(allowance: Allowance, text: string, limit: number): string[] {
  allowance.spendReading(text.length * 8);
  const found = [...text.matchAll(words)];
  allowance.spendElements(found.length);
  const rest = found.length - limit;
  const parts = found.slice(Math.max(0, rest)).map(([word]) => word);
  if (rest <= 0) return parts;
  const last = found[rest - 1];
  return [allowance.made(text.slice(0, last.index + last[0].length)), ...parts];
}

function pushPart(allowance: Allowance, parts: string[], part: string): void {
  allowance.spendElements(1);
  parts.push(allowance.made(part));
}

export function separatorText(separator: Value): string {
  if (typeof separator !== "string") throw renderError("the separator must be a string");
  if (separator === "") throw renderError("the separator is empty");
  return separator;
}

/** Python's str.replace: `limit` times from the left, always where it is negative. */
export function replace(allowance: Allowance, text: string, old: string, replacement: string, limit: number): string {
  const count = countOf(allowance, text, old, limit);
  allowance.spendText(text.length + count * (replacement.length - old.length));
  if (count === 0) return text;
  if (old === "") return insertBetween(text, replacement, count);
  // Not by a function, which would be called for every match; so what $ means in a replacement is taken from it.
  if (limit < 0 || count < limit) return text.replaceAll(old, replacement.replaceAll("$", "$$$$"));
  const parts: string[] = [];
  let from = 0;
  for (let i = 0; i < count; i++) {
    const at = text.indexOf(old, from);
    parts.push(text.slice(from, at));
    from = at + old.length;
  }
  return parts.join(replacement) + replacement + text.slice(from);
}

/** Before each character, and behind the last, as long as the count lasts. */
function insertBetween(text: string, insertion: string, count: number): string {
  const parts: string[] = [];
  let left = count;
  for (const char of text) parts.push(left-- > 0 ? insertion + char : char);
  return parts.join("") + (left > 0 ? insertion : "");
}

/** How often a text occurs without overlaps, at most `limit` times where that is not negative. */
export function countOf(allowance: Allowance, text: string, wanted: string, limit = -1): number {
  allowance.spendSearch(text.length, wanted.length);
  const most = limit < 0 ? Infinity : limit;
  if (wanted === "") {
    allowance.spendElements(text.length);
    return Math.min(most, [...text].length + 1);
  }
  let count = 0;
  for (let at = text.indexOf(wanted); at >= 0 && count < most; at = text.indexOf(wanted, at + wanted.length)) count++;
  allowance.spend(count);
  return count;
}

/**
 * What `start` and `end` of find, count, startswith and endswith leave of a text, and how many code points stand before it. Undefined
 * where the start lies behind the end of the text: there is not even an empty text then.
 */
export function withinBounds(
  allowance: Allowance,
  text: string,
  start: Value | undefined,
  end: Value | undefined,
): { readonly part: string; readonly before: number } | undefined {
  if (start == null && end == null) return { part: text, before: 0 };
  const length = lengthOfText(text);
  const before = indexBound(start, length, 0);
  const isBehind = start != null && integerArgument(start, "start") > length;
  if (isBehind || before > indexBound(end, length, length)) return undefined;
  return { part: slice(allowance, text, { start, stop: end, step: undefined }) as string, before };
}

// eslint-disable-next-line no-control-regex -- separators of files, groups and records end lines too
const lineBreak = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/g;

/** Python's str.splitlines. */
export function splitLines(allowance: Allowance, text: string, keepsEnds: boolean): string[] {
  allowance.spendReading(text.length * 8);
  const lines: string[] = [];
  let from = 0;
  for (const { 0: mark, index } of text.matchAll(lineBreak)) {
    pushPart(allowance, lines, text.slice(from, keepsEnds ? index + mark.length : index));
    from = index + mark.length;
  }
  if (from < text.length) pushPart(allowance, lines, text.slice(from));
  return lines;
}
