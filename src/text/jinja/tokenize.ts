import type { SourceText } from "./source-text.ts";
import { endOfString, whitespace } from "./split-source.ts";
import { shown } from "./template-errors.ts";
import type { Token } from "./token.ts";

const blanks = new RegExp(`[${whitespace}]+`, "y");
const name = /[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*/uy;
const float = /\d(?:_?\d)*(?:(?:\.\d(?:_?\d)*)?[eE][+-]?\d(?:_?\d)*|\.\d(?:_?\d)*)/y;
const integer = /0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[\da-fA-F])+|[1-9](?:_?\d)*|0(?:_?0)*/y;
const operator = /\/\/|\*\*|==|!=|>=|<=|[-+/*%~[\](){}><=.:|,;]/y;

/** Digits of Python's longest decimal literal; converting more takes time that grows with their square. */
const mostDigits = 4300;

/** The tokens of one tag, with an end token behind them. Throws FormatError. */
export function tokenize(template: SourceText, start: number, end: number): Token[] {
  const source = template.text;
  const tokens: Token[] = [];
  let offset = start;
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = offset;
    const text = pattern.exec(source)?.[0];
    return text !== undefined && offset + text.length <= end ? text : undefined;
  };
  while (offset < end) {
    const blank = match(blanks);
    if (blank !== undefined) {
      offset += blank.length;
      continue;
    }
    const char = source[offset];
    if (char === "'" || char === '"') {
      const close = endOfString(source, offset);
      if (close < 0 || close >= end) throw template.error("a string has no end", offset);
      tokens.push({ kind: "string", value: unescape(template, offset + 1, close), offset });
      offset = close + 1;
      continue;
    }
    // Behind a dot it is an index (`row.0.1`), not a fraction.
    const isIndex = source[offset - 1] === "." && offset > start;
    const token = (isIndex ? undefined : match(float)) ?? match(integer);
    if (token !== undefined) {
      if (token.length > mostDigits)
        throw template.error(`a number has ${token.length} digits; at most ${mostDigits} are accepted`, offset);
      const digits = token.replaceAll("_", "");
      const isFloat = /^\d*(\.|\d*[eE])/.test(digits) && !/^0[xX]/.test(digits);
      tokens.push({ kind: "number", value: isFloat ? Number(digits) : BigInt(digits), offset });
      offset += token.length;
      continue;
    }
    const word = match(name);
    const text = word ?? match(operator);
    if (text === undefined) throw template.error(`${shown(char)} means nothing here`, offset);
    tokens.push({ kind: word === undefined ? "operator" : "name", text, offset });
    offset += text.length;
  }
  tokens.push({ kind: "end", offset: end });
  return tokens;
}

const simpleEscapes: Readonly<Record<string, string>> = {
  ...{ "\n": "", "\\": "\\", "'": "'", '"': '"' },
  ...{ a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" },
};

/** The escapes of Python's string literals; one that is not known stays as it is. Throws FormatError for one that is cut short. */
function unescape(template: SourceText, start: number, end: number): string {
  const body = template.text.slice(start, end);
  if (!body.includes("\\")) return body;
  return body.replace(
    /\\(?:([0-7]{1,3})|x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([^]))/gu,
    (whole, octal?: string, ...rest: readonly unknown[]) => {
      const [byte, short, long, char, at] = rest as [string?, string?, string?, string?, number?];
      const hex = byte ?? short ?? long;
      if (char !== undefined) {
        if (Object.hasOwn(simpleEscapes, char)) return simpleEscapes[char];
        if ("xuUN".includes(char))
          throw template.error(
            `\\${char} is no escape that is known: \\xhh, \\uhhhh and \\Uhhhhhhhh are`,
            start + (at ?? 0),
          );
        return whole;
      }
      const code = octal !== undefined ? parseInt(octal, 8) : parseInt(hex ?? "0", 16);
      if (code > 0x10ffff) throw template.error(`${whole} is no code point`, start + (at ?? 0));
      return String.fromCodePoint(code);
    },
  );
}
