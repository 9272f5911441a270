import { CodePointSet } from "./code-point-set.ts";

/** Filled once per property and process: what a property contains depends on the runtime's Unicode version alone. */
const known = new Map<string, CodePointSet>();

/** Names that JavaScript spells otherwise, in the form that `loose` makes. */
const otherNames: Readonly<Record<string, string>> = {
  l_: "LC",
  "l&": "LC",
  whitespace: "White_Space",
  wspace: "White_Space",
  asciihexdigit: "ASCII_Hex_Digit",
  idstart: "ID_Start",
  idcontinue: "ID_Continue",
  xidstart: "XID_Start",
  xidcontinue: "XID_Continue",
};

const prefixes: Readonly<Record<string, string>> = {
  gc: "General_Category=",
  generalcategory: "General_Category=",
  sc: "Script=",
  script: "Script=",
  scx: "Script_Extensions=",
  scriptextensions: "Script_Extensions=",
};

/**
 * The code points that have a Unicode property, named as within `\p{…}`: a general category, a script, a binary property,
 * or `script=…`, `scx=…`, `gc=…`. Case, spaces, hyphens and underscores do not matter (UAX #44, UAX44-LM3) as far as
 * word borders can be guessed. Undefined where this runtime knows no such property.
 */
export function unicodeProperty(name: string): CodePointSet | undefined {
  const [, prefix, value] = /^(?:([^=]*)=)?(.*)$/s.exec(name) ?? [];
  const kinds = prefix === undefined ? ["", "Script="] : [prefixes[loose(prefix)]];
  for (const kind of kinds) {
    if (kind === undefined) continue;
    for (const spelling of spellings(value)) {
      const set = exactProperty(kind + spelling);
      if (set !== undefined) return set;
    }
  }
  return undefined;
}

function loose(name: string): string {
  return name.toLowerCase().replaceAll(/[\s_-]/g, "");
}

/** JavaScript takes one spelling only: Lu, Old_Italic, ASCII, Uppercase_Letter. */
function spellings(name: string): readonly string[] {
  const words = name.trim().split(/[\s_-]+/);
  const title = words.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase()).join("_");
  const other = otherNames[loose(name)];
  return [...(other === undefined ? [] : [other]), name, title, title.replaceAll("_", ""), name.toUpperCase()];
}

function exactProperty(name: string): CodePointSet | undefined {
  let set = known.get(name);
  if (set !== undefined) return set;
  if (!/^[A-Za-z0-9_=]+$/.test(name)) return undefined; // nothing that could leave the braces
  try {
    set = scan(new RegExp(`\\p{${name}}+|\\P{${name}}+`, "uy"), new RegExp(`^\\p{${name}}`, "u"));
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
  known.set(name, set);
  return set;
}

/**
 * Planes 4 to 13 are unassigned and 15 and 16 for private use: all their code points have the properties of the first one,
 * except that the last two of every plane are noncharacters. The surrogates, too, are all alike.
 */
const alike: readonly (readonly [first: number, last: number])[] = [
  [0xd800, 0xdfff],
  ...[4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16].flatMap(
    (plane) =>
      [
        [plane * 0x10000, plane * 0x10000 + 0xfffd],
        [plane * 0x10000 + 0xfffe, plane * 0x10000 + 0xffff],
      ] as const,
  ),
];

/** Takes an expression that matches a run of members or a run of others: to search for members only would take far longer. */
function scan(runs: RegExp, member: RegExp): CodePointSet {
  const ranges: (readonly [number, number])[] = [];
  for (const [first, last] of alike) if (member.test(String.fromCodePoint(first))) ranges.push([first, last]);
  for (const { first, text } of allTexts()) {
    const width = first < 0x10000 ? 1 : 2;
    let isMember = member.test(text);
    for (let start = 0; start < text.length; start = runs.lastIndex, isMember = !isMember) {
      runs.lastIndex = start;
      runs.test(text);
      if (isMember) ranges.push([first + start / width, first + runs.lastIndex / width - 1]);
    }
  }
  return CodePointSet.fromRanges(ranges);
}

interface ScannedText {
  readonly first: number;
  /** The code points from `first` on, in order. */
  readonly text: string;
}

/** 1.2 MB that take longer to make than to scan: they outlive the compilation of a pattern, but not the next collection. */
let cachedTexts: WeakRef<readonly ScannedText[]> | undefined;

/** All code points but those of `alike`. */
function allTexts(): readonly ScannedText[] {
  let texts = cachedTexts?.deref();
  if (texts === undefined) {
    const blocks = [[0, 0xd800], [0xe000, 0x10000], ...[1, 2, 3, 14].map((plane) => [plane << 16, (plane + 1) << 16])];
    texts = blocks.map(([first, end]) => ({ first, text: textOf(first, end) }));
    cachedTexts = new WeakRef(texts);
  }
  return texts;
}

function textOf(first: number, end: number): string {
  const units = new Uint16Array(2 * (end - first));
  let length = 0;
  for (let codePoint = first; codePoint < end; codePoint++) {
    if (codePoint > 0xffff) {
      units[length++] = 0xd7c0 + (codePoint >> 10);
      units[length++] = 0xdc00 | (codePoint & 0x3ff);
    } else units[length++] = codePoint;
  }
  return new TextDecoder("utf-16le", { ignoreBOM: true }).decode(units.subarray(0, length));
}
