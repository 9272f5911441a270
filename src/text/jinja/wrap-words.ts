import { lengthOfText } from "./code-points.ts";
import type { Allowance } from "./allowance.ts";

export interface WrapOptions {
  readonly width: number;
  readonly breaksLongWords: boolean;
  readonly breaksOnHyphens: boolean;
}

const blank = /^[\t\n\v\f\r ]+$/;
const chunks = /[\t\n\v\f\r ]+|[^\t\n\v\f\r ]+/g;
/** Behind the hyphen of a compound: two letters, or a letter and a hyphen, must follow, and a letter stand before. */
const hyphen = /(?<=[\p{L}\p{N}_]\p{L}-)(?=\p{L}-?\p{L})/u;
/** A dash is a chunk of its own between words. */
const dash = /(?<=[\p{L}\p{N}_!"'&.,?])(-{2,})(?=[\p{L}\p{N}_])/u;

/** One paragraph in lines of at most `width` characters, as Python's textwrap.wrap: blanks at the ends of lines are dropped. */
export function wrapWords(allowance: Allowance, text: string, options: WrapOptions): string[] {
  const { width } = options;
  allowance.spend(2 * text.length);
  allowance.spendElements(text.length);
  const waiting = (text.match(chunks) ?? []).flatMap((chunk) => splitChunk(chunk, options)).reverse();
  const lines: string[] = [];
  while (waiting.length > 0) {
    const line: string[] = [];
    let used = 0;
    if (lines.length > 0 && blank.test(waiting.at(-1) ?? "")) waiting.pop();
    for (let next = waiting.at(-1); next !== undefined; next = waiting.at(-1)) {
      const length = lengthOfText(next);
      if (used + length > width) break;
      line.push(next);
      waiting.pop();
      used += length;
    }
    const next = waiting.at(-1);
    if (next !== undefined && lengthOfText(next) > width) {
      allowance.spendReading(4 * next.length);
      breakWord(waiting, line, width - used, options);
    }
    if (line.length > 0 && blank.test(line[line.length - 1])) line.pop();
    if (line.length > 0) lines.push(line.join(""));
  }
  return lines;
}

function splitChunk(chunk: string, { breaksOnHyphens }: WrapOptions): readonly string[] {
  if (!breaksOnHyphens || blank.test(chunk)) return [chunk];
  return chunk
    .split(dash)
    .flatMap((part) => part.split(hyphen))
    .filter((part) => part !== "");
}

/** Moves what fits of a word that is longer than a line. */
function breakWord(
  waiting: string[],
  line: string[],
  left: number,
  { breaksLongWords, breaksOnHyphens }: WrapOptions,
): void {
  const word = waiting.pop() ?? "";
  if (!breaksLongWords) {
    if (line.length === 0) line.push(word);
    else waiting.push(word);
    return;
  }
  const cut = offsetOf(word, left);
  const hyphenAt = breaksOnHyphens ? word.lastIndexOf("-", cut - 1) : -1;
  // Behind a hyphen, where something other than hyphens stands before it.
  const end = hyphenAt > 0 && /[^-]/.test(word.slice(0, hyphenAt)) ? hyphenAt + 1 : cut;
  line.push(word.slice(0, end));
  waiting.push(word.slice(end));
}

/** UTF-16 units that so many code points take. */
function offsetOf(text: string, count: number): number {
  let offset = 0;
  for (let i = 0; i < count && offset < text.length; i++) offset += (text.codePointAt(offset) ?? 0) > 0xffff ? 2 : 1;
  return offset;
}
