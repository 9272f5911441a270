import { escapedClass, newline } from "./character-classes.ts";
import type { CodePointSet } from "./code-point-set.ts";
import { maxCodePoint } from "./code-point-set.ts";
import type { PatternReader } from "./pattern-reader.ts";
import type { RegexDialect } from "./regex.ts";
import { unicodeProperty } from "./unicode-property.ts";

const controls: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, a: 7, e: 27 };

/**
 * An escape that means the same in and outside of brackets, read after its backslash: one code point (a number) or a class.
 * Undefined, with nothing read, where the next letter is none of these.
 */
export function parseEscape(
  reader: PatternReader,
  dialect: RegexDialect,
  isBracketed: boolean,
): number | CodePointSet | undefined {
  const start = reader.position;
  const letter = reader.next();
  if (Object.hasOwn(controls, letter)) return controls[letter];
  if (!/^[A-Za-z0-9]/.test(letter)) return letter.codePointAt(0) ?? 0;
  const lower = letter.toLowerCase();
  const isNegated = letter !== lower;
  const named = escapedClass(lower, dialect, isBracketed);
  if (named !== undefined) return isNegated ? named.complement() : named;
  switch (letter) {
    case "N":
      if (reader.startsWith("{")) throw reader.unsupported("characters by name, \\N{…}", start);
      return newline.complement();
    case "p":
    case "P":
      return property(reader, isNegated);
    case "x":
      return codePoint(reader, /\{([0-9a-f]{1,8})\}|([0-9a-f]{1,2})/iy);
    case "u":
      return utf16Pair(reader, codePoint(reader, /\{([0-9a-f]{1,8})\}|([0-9a-f]{4})/iy));
    case "U":
      return codePoint(reader, /\{([0-9a-f]{1,8})\}|([0-9a-f]{8})/iy);
    case "0":
      return parseInt(`0${reader.takeMatch(/[0-7]{1,2}/y)?.[0] ?? ""}`, 8);
    case "c": {
      const control = reader.next().toUpperCase();
      if (!/^[A-Z]$/.test(control)) throw reader.malformed("\\c needs a letter", start);
      return control.charCodeAt(0) - 64;
    }
    default:
      reader.position = start;
      return undefined;
  }
}

function property(reader: PatternReader, isNegated: boolean): CodePointSet {
  const start = reader.position;
  const found = reader.takeMatch(/\{(\^?)([^{}]{1,100})\}|()([A-Za-z])/y);
  if (found === undefined) throw reader.malformed("\\p needs the name of a property, as in \\p{Lu}", start);
  const [, inverted = "", braced, , letter] = found;
  const set = unicodeProperty(braced ?? letter);
  if (set === undefined) throw reader.unsupported("no Unicode property that is known here has this name", start);
  return isNegated !== (inverted === "^") ? set.complement() : set;
}

function codePoint(reader: PatternReader, digits: RegExp): number {
  const start = reader.position;
  const found = reader.takeMatch(digits);
  if (found === undefined) throw reader.malformed("hexadecimal digits are needed here", start);
  const value = parseInt(found[1] ?? found[2], 16);
  if (value > maxCodePoint) throw reader.malformed("above U+10FFFF, where Unicode ends", start);
  return value;
}

/** JSON and ECMAScript write one character as two escapes, \ud83d\ude00: alone, neither half could match. */
function utf16Pair(reader: PatternReader, high: number): number {
  if (high < 0xd800 || high > 0xdbff) return high;
  const low = reader.takeMatch(/\\u(d[c-f][0-9a-f]{2})/iy)?.[1];
  return low === undefined ? high : 0x10000 + ((high - 0xd800) << 10) + (parseInt(low, 16) - 0xdc00);
}
