import { CodePointSet } from "./code-point-set.ts";
import type { RegexDialect } from "./regex.ts";
import { unicodeProperty } from "./unicode-property.ts";

export const newline = CodePointSet.of(0x0a);
export const ecmascriptLineEnds = CodePointSet.of(0x0a, 0x0d, 0x2028, 0x2029);
const knownWordCharacters = new Map<"rust" | "bracketed" | "bare", CodePointSet>();
const hexDigit = ascii("0-9", "A-F", "a-f");

/**
 * What `\d`, `\s`, `\w` and `\h` stand for; undefined for other letters. All of Unicode, unlike JavaScript's `\d` and `\w`;
 * `\s` is White_Space, which has U+0085 and lacks U+FEFF, unlike JavaScript's. `\h` is a hexadecimal digit in all dialects but
 * JavaScript's (in Rust: with the fancy-regex crate).
 */
export function escapedClass(letter: string, dialect: RegexDialect, isBracketed: boolean): CodePointSet | undefined {
  switch (letter) {
    case "d":
      return dialect === "ecmascript" ? asciiPosix.digit() : property("Nd");
    case "s":
      return dialect === "ecmascript" ? ecmascriptSpace() : property("White_Space");
    case "w":
      return wordCharacters(dialect, isBracketed);
    case "h":
      return dialect === "ecmascript" ? undefined : hexDigit;
    default:
      return undefined;
  }
}

/**
 * Letters, marks, decimal digits and connectors; in Rust (UTS #18, annex C) the joiners U+200C and U+200D as well; in Oniguruma,
 * outside of brackets, also the superscripts and fractions of Latin-1, for which it has another table.
 */
export function wordCharacters(dialect: RegexDialect, isBracketed: boolean): CodePointSet {
  if (dialect === "ecmascript") return asciiPosix.word();
  const key = dialect === "rust" ? dialect : isBracketed ? "bracketed" : "bare";
  let set = knownWordCharacters.get(key);
  if (set === undefined) {
    set = union(["Alphabetic", "M", "Nd", "Pc"]);
    if (key === "rust") set = set.union(property("Join_Control"));
    if (key === "bare") set = set.union(CodePointSet.of(0xb2, 0xb3, 0xb9, 0xbc, 0xbd, 0xbe));
    knownWordCharacters.set(key, set);
  }
  return set;
}

/** `[:name:]`: of ASCII alone in Rust, of Unicode in Oniguruma (its make_unicode_property_data.py, add_posix_props). */
export function posixClass(name: string, dialect: RegexDialect): CodePointSet | undefined {
  const table = dialect === "rust" ? asciiPosix : unicodePosix;
  return Object.hasOwn(table, name) ? table[name]() : undefined;
}

/** WhiteSpace and LineTerminator of ECMA-262. */
function ecmascriptSpace(): CodePointSet {
  return property("White_Space").minus(CodePointSet.of(0x85)).union(CodePointSet.of(0xfeff));
}

type Table = Readonly<Record<string, () => CodePointSet>>;

const asciiPosix: Table = {
  alnum: () => ascii("0-9", "A-Z", "a-z"),
  alpha: () => ascii("A-Z", "a-z"),
  ascii: () => CodePointSet.fromRanges([[0, 0x7f]]),
  blank: () => CodePointSet.of(0x09, 0x20),
  cntrl: () => CodePointSet.fromRanges([[0, 0x1f]]).union(CodePointSet.of(0x7f)),
  digit: () => ascii("0-9"),
  graph: () => ascii("!-~"),
  lower: () => ascii("a-z"),
  print: () => ascii(" -~"),
  punct: () => ascii("!-/", ":-@", "[-`", "{-~"),
  space: () => CodePointSet.fromRanges([[0x09, 0x0d]]).union(CodePointSet.of(0x20)),
  upper: () => ascii("A-Z"),
  word: () => ascii("0-9", "A-Z", "a-z", "_-_"),
  xdigit: () => hexDigit,
};

const unicodePosix: Table = {
  alnum: () => union(["Alphabetic", "Nd"]),
  alpha: () => property("Alphabetic"),
  ascii: () => CodePointSet.fromRanges([[0, 0x7f]]),
  blank: () => property("Zs").union(CodePointSet.of(0x09)),
  cntrl: () => property("Cc"),
  digit: () => property("Nd"),
  graph: () => union(["White_Space", "Cc", "Cs", "Cn"]).complement(),
  lower: () => property("Lowercase"),
  print: () => unicodePosix.graph().union(property("Zs")),
  punct: () => union(["P", "S"]),
  space: () => property("White_Space"),
  upper: () => property("Uppercase"),
  word: () => wordCharacters("oniguruma", true),
  xdigit: () => hexDigit,
};

function ascii(...ranges: readonly string[]): CodePointSet {
  return CodePointSet.fromRanges(ranges.map((range) => [range.charCodeAt(0), range.charCodeAt(2)]));
}

function union(names: readonly string[]): CodePointSet {
  return names.map(property).reduce((all, set) => all.union(set), CodePointSet.empty);
}

/** Of the properties that ECMAScript requires. */
function property(name: string): CodePointSet {
  return unicodeProperty(name) ?? CodePointSet.empty;
}
