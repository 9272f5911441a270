import { CodePointSet, maxCodePoint } from "./code-point-set.ts";

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
  let pattern: RegExp;
  try {
    pattern = new RegExp(`\\p{${name}}+`, "gu");
  } catch {
    return undefined;
  }
  set = scan(pattern);
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

/** Code points that a string is made of at a time: within what `String.fromCodePoint` takes as arguments. */
const portion = 0x1000;

function scan(pattern: RegExp): CodePointSet {
  const ranges: (readonly [number, number])[] = [];
  for (const [first, last] of alike) {
    pattern.lastIndex = 0;
    if (pattern.test(String.fromCodePoint(first))) ranges.push([first, last]);
  }
  for (let base = 0; base <= maxCodePoint; base += portion) {
    if (alike.some(([first, last]) => base >= first && base <= last)) continue;
    const beforeSurrogates = base < 0xd800 && base + portion > 0xd800;
    const end = beforeSurrogates ? 0xd800 : base + portion;
    const text = String.fromCodePoint(...Array.from({ length: end - base }, (_, index) => base + index));
    const width = base < 0x10000 ? 1 : 2;
    pattern.lastIndex = 0;
    for (let found = pattern.exec(text); found !== null; found = pattern.exec(text)) {
      ranges.push([base + found.index / width, base + pattern.lastIndex / width - 1]);
    }
  }
  return CodePointSet.fromRanges(ranges);
}
