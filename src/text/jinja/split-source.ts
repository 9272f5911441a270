import type { SourceText } from "./source-text.ts";

/** A stretch of a template: text as it is rendered, or what stands between `{{ }}` or `{% %}`. */
export interface Section {
  readonly kind: "text" | "output" | "block";
  /** Where the content lies in the source: for text after whitespace control, for the others without delimiters. */
  readonly start: number;
  readonly end: number;
}

/** As Python's str.isspace has it: unlike `\s` with the separators 0x1c to 0x1f and 0x85, without the byte order mark. */
export const whitespace = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

const isBlank = new RegExp(`^[${whitespace}]+$`);
const notBlank = new RegExp(`[^${whitespace}]`, "g");
const rawStart = new RegExp(`\\{%[-+]?[${whitespace}]*raw[${whitespace}]*-?%\\}`, "y");
const rawEnd = new RegExp(`\\{%([-+]?)[${whitespace}]*endraw[${whitespace}]*([-+]?)%\\}`, "g");

/**
 * Splits a template with the whitespace control that transformers sets: trim_blocks takes the newline after a
 * block or comment, lstrip_blocks the blanks between the start of a line and a block or comment; `-` takes all whitespace on its side,
 * `+` leaves it alone. Throws FormatError for what does not close.
 */
export function splitSource(template: SourceText): Section[] {
  const source = template.text;
  const sections: Section[] = [];
  /** Whether what came last ended its line, so that blanks from here on begin one. */
  let atLineStart = true;
  let position = 0;
  const pushText = (start: number, end: number, sign: string, isOutput: boolean): void => {
    let kept = end;
    if (sign === "-") kept = trimmedEnd(source, start, end);
    else if (sign !== "+" && !isOutput) {
      const text = source.slice(start, end);
      const newline = text.lastIndexOf("\n");
      if ((newline >= 0 || atLineStart) && isBlank.test(text.slice(newline + 1))) kept = start + newline + 1;
    }
    if (kept > start) sections.push({ kind: "text", start, end: kept });
  };
  /** Moves behind a tag that ends at `end` (its `%}`, `}}` or `#}`), and behind what the tag takes. */
  const leave = (end: number, sign: string, isOutput: boolean): void => {
    position = end + 2;
    if (sign === "-") position = nextNonBlank(source, position);
    else if (!isOutput && sign !== "+" && source[position] === "\n") position++;
    atLineStart = source[position - 1] === "\n";
  };
  while (position < source.length) {
    const open = nextTag(source, position);
    if (open < 0) {
      sections.push({ kind: "text", start: position, end: source.length });
      break;
    }
    const delimiter = source[open + 1];
    const isOutput = delimiter === "{";
    const sign = signAt(source, open + 2, isOutput ? "-" : "-+");
    const inside = open + 2 + sign.length;
    pushText(position, open, sign, isOutput);
    if (delimiter === "#") {
      const close = source.indexOf("#}", inside);
      if (close < 0) throw template.error("a comment has no end: #} is missing", open);
      leave(close, close > inside ? signAt(source, close - 1, "-+") : "", false);
      continue;
    }
    rawStart.lastIndex = open;
    const raw = delimiter === "%" ? rawStart.exec(source) : null;
    if (raw !== null) {
      const textStart = raw[0].endsWith("-%}") ? nextNonBlank(source, rawStart.lastIndex) : rawStart.lastIndex;
      rawEnd.lastIndex = textStart;
      const end = rawEnd.exec(source);
      if (end === null) throw template.error("a raw block has no end: {% endraw %} is missing", open);
      atLineStart = source[textStart - 1] === "\n";
      pushText(textStart, end.index, end[1], false);
      leave(rawEnd.lastIndex - 2, end[2], false);
      continue;
    }
    const close = endOfTag(source, inside, isOutput ? "}}" : "%}");
    if (close < 0)
      throw template.error(`${isOutput ? "{{" : "{%"} has no end: ${isOutput ? "}}" : "%}"} is missing`, open);
    const endSign = close > inside ? signAt(source, close - 1, isOutput ? "-" : "-+") : "";
    sections.push({ kind: isOutput ? "output" : "block", start: inside, end: close - endSign.length });
    leave(close, endSign, isOutput);
  }
  return sections;
}

function nextTag(source: string, from: number): number {
  for (let open = source.indexOf("{", from); open >= 0; open = source.indexOf("{", open + 1)) {
    const next = source[open + 1];
    if (next === "{" || next === "%" || next === "#") return open;
  }
  return -1;
}

function signAt(source: string, offset: number, signs: string): string {
  const char = source[offset];
  return char !== undefined && signs.includes(char) ? char : "";
}

/** Where the delimiter stands that closes a tag: outside of strings and brackets. -1: nowhere. */
function endOfTag(source: string, from: number, delimiter: string): number {
  let depth = 0;
  for (let i = from; i < source.length; i++) {
    const char = source[i];
    if (char === "'" || char === '"') {
      i = endOfString(source, i);
      if (i < 0) return -1;
    } else if (depth === 0 && source.startsWith(delimiter, i)) return i;
    else if (char === "(" || char === "[" || char === "{") depth++;
    else if (char === ")" || char === "]" || char === "}") depth--;
    if (depth < 0) depth = 0;
  }
  return -1;
}

/** Of the closing quote; -1 where there is none. */
export function endOfString(source: string, from: number): number {
  const quoteMark = source[from];
  for (let i = from + 1; i < source.length; i++) {
    if (source[i] === "\\") i++;
    else if (source[i] === quoteMark) return i;
  }
  return -1;
}

function nextNonBlank(source: string, from: number): number {
  notBlank.lastIndex = from;
  return notBlank.exec(source)?.index ?? source.length;
}

function trimmedEnd(source: string, start: number, end: number): number {
  while (end > start && isBlank.test(source[end - 1])) end--;
  return end;
}
