import { closeOverCase } from "./case-folding.ts";
import { ecmascriptLineEnds, newline } from "./character-classes.ts";
import { CodePointSet } from "./code-point-set.ts";
import { parseCharacterClass } from "./parse-character-class.ts";
import { parseEscape } from "./parse-escape.ts";
import { PatternReader } from "./pattern-reader.ts";
import type { RegexDialect } from "./regex.ts";
import { emptyNode, type Assertion, type RegexNode } from "./regex-tree.ts";

const maxLength = 0x4000;
/** Of groups, of brackets, and of quantifiers upon quantifiers: what follows recurses once a level. */
const maxDepth = 100;
const maxStackedQuantifiers = 4;
const maxRepetitions = 100_000; // Oniguruma's own limit

export interface ParsedRegex {
  readonly tree: RegexNode;
  readonly groupCount: number;
}

interface Flags {
  readonly ignoresCase: boolean;
  /** `^` and `$` match at lines. */
  readonly isMultiline: boolean;
  readonly dotMatchesNewline: boolean;
  /** Spaces and comments in the pattern mean nothing. */
  readonly isExtended: boolean;
}

/** Throws FormatError where a pattern is malformed, UnsupportedError where it is more than this engine knows. */
export function parseRegex(pattern: string, dialect: RegexDialect, ignoresCase: boolean): ParsedRegex {
  return new Parser(pattern, dialect).parse({
    ignoresCase,
    isMultiline: dialect === "oniguruma",
    dotMatchesNewline: false,
    isExtended: false,
  });
}

class Parser {
  readonly #reader: PatternReader;
  readonly #dialect: RegexDialect;
  #groupCount = 0;

  constructor(pattern: string, dialect: RegexDialect) {
    this.#reader = new PatternReader(pattern);
    this.#dialect = dialect;
  }

  parse(flags: Flags): ParsedRegex {
    const { pattern } = this.#reader;
    if (pattern.length > maxLength) {
      throw this.#reader.unsupported(`${pattern.length} characters are more than the ${maxLength} that are accepted`);
    }
    const tree = this.#alternation(flags, maxDepth);
    if (!this.#reader.isAtEnd) throw this.#reader.malformed("this parenthesis was never opened");
    return { tree, groupCount: this.#groupCount };
  }

  /** Up to the end of the group or of the pattern. */
  #alternation(flags: Flags, depth: number): RegexNode {
    if (depth <= 0) throw this.#reader.unsupported("groups are nested too deeply");
    const alternatives: RegexNode[] = [];
    let current = flags;
    do {
      const { node, flags: next } = this.#sequence(current, depth);
      alternatives.push(node);
      current = next;
    } while (this.#reader.take("|"));
    return alternatives.length === 1 ? alternatives[0] : { kind: "alternation", alternatives };
  }

  /** Also returns the flags that hold where it ends: `(?i)` lasts until its group closes. */
  #sequence(flags: Flags, depth: number): { readonly node: RegexNode; readonly flags: Flags } {
    const reader = this.#reader;
    const parts: RegexNode[] = [];
    let current = flags;
    for (;;) {
      this.#skipIgnored(current);
      if (reader.isAtEnd || reader.startsWith("|") || reader.startsWith(")")) break;
      const set = this.#flagsOfRest(current);
      if (set === undefined) {
        parts.push(this.#quantified(this.#atom(current, depth), current));
        continue;
      }
      current = set;
      if (this.#dialect === "rust") continue;
      // In Oniguruma a(?i)b|c is a(?i:b|c).
      parts.push(this.#alternation(current, depth - 1));
    }
    if (parts.length === 1) return { node: parts[0], flags: current };
    return { node: parts.length === 0 ? emptyNode : { kind: "sequence", parts }, flags: current };
  }

  #skipIgnored(flags: Flags): void {
    while (this.#reader.takeMatch(flags.isExtended ? /\(\?#[^)]*\)|\s+|#.*/y : /\(\?#[^)]*\)/y) !== undefined);
  }

  /** `(?i-s)`: the flags from here on; undefined where something else comes. */
  #flagsOfRest(flags: Flags): Flags | undefined {
    const found = this.#reader.takeMatch(/\(\?([a-z]*)(?:-([a-z]+))?\)/iy);
    return found === undefined ? undefined : this.#changed(flags, found);
  }

  #changed(flags: Flags, [text, on, off = ""]: RegExpExecArray): Flags {
    const start = this.#reader.position - text.length;
    let changed = flags;
    const change = (letters: string, value: boolean): void => {
      for (const letter of letters) {
        const name = this.#flagName(letter);
        if (name === undefined) throw this.#reader.unsupported(`the flag ${letter} is not known here`, start);
        changed = { ...changed, [name]: value };
      }
    };
    change(on, true);
    change(off, false);
    return changed;
  }

  #flagName(letter: string): keyof Flags | undefined {
    switch (letter) {
      case "i":
        return "ignoresCase";
      case "m":
        return this.#dialect === "oniguruma" ? "dotMatchesNewline" : "isMultiline";
      case "s":
        return "dotMatchesNewline";
      case "x":
        return "isExtended";
      default:
        return undefined;
    }
  }

  #atom(flags: Flags, depth: number): RegexNode {
    const reader = this.#reader;
    const start = reader.position;
    const character = reader.next();
    switch (character) {
      case "(":
        return this.#group(flags, depth, start);
      case "[":
        return {
          kind: "set",
          set: parseCharacterClass(reader, {
            dialect: this.#dialect,
            ignoresCase: flags.ignoresCase,
            skipsSpace: flags.isExtended && this.#dialect === "rust",
            depth,
          }),
        };
      case "\\":
        return this.#escape(flags, start);
      case ".":
        return { kind: "set", set: flags.dotMatchesNewline ? CodePointSet.all : this.#lineEnds.complement() };
      case "^":
        if (!flags.isMultiline) return assertion("text-start");
        return this.#dialect === "oniguruma" ? onigurumaLineStart : assertion("line-start");
      case "$":
        return assertion(flags.isMultiline ? "line-end" : "text-end");
      case "*":
      case "+":
      case "?":
        throw reader.malformed(`${character} has nothing to repeat`, start);
      default:
        return literal(character.codePointAt(0) ?? 0, flags);
    }
  }

  get #lineEnds(): CodePointSet {
    return this.#dialect === "ecmascript" ? ecmascriptLineEnds : newline;
  }

  #escape(flags: Flags, start: number): RegexNode {
    const reader = this.#reader;
    const escape = parseEscape(reader, this.#dialect, false);
    if (typeof escape === "number") return literal(escape, flags);
    if (escape !== undefined) return { kind: "set", set: flags.ignoresCase ? closeOverCase(escape) : escape };
    const letter = reader.next();
    switch (letter) {
      case "A":
        return assertion("text-start");
      case "z":
        return assertion("text-end");
      case "Z":
        return assertion("last-line-end");
      case "b":
        return assertion("word-border");
      case "B":
        return assertion("no-word-border");
      case "G":
        return assertion("search-start");
      case "R":
        return lineBreak;
      case "k":
      case "g":
        throw reader.unsupported("references to groups are not supported", start);
      case "K":
      case "X":
      case "y":
      case "Y":
      case "C":
      case "M":
      case "O":
        throw reader.unsupported(`\\${letter} is not supported`, start);
      default:
        if (/[1-9]/.test(letter)) throw reader.unsupported("references to groups are not supported", start);
        throw reader.malformed(`the escape \\${letter} has no meaning`, start);
    }
  }

  #group(flags: Flags, depth: number, start: number): RegexNode {
    const reader = this.#reader;
    const body = (inner: Flags = flags): RegexNode => {
      const node = this.#alternation(inner, depth - 1);
      if (!reader.take(")")) throw reader.malformed("this parenthesis is never closed", start);
      return node;
    };
    const look = (isBehind: boolean, isNegative: boolean): RegexNode => ({
      kind: "look",
      body: body(),
      isBehind,
      isNegative,
    });
    if (!reader.take("?")) return this.#capture(body);
    if (reader.take(":")) return body();
    if (reader.take("=")) return look(false, false);
    if (reader.take("!")) return look(false, true);
    if (reader.take("<=")) return look(true, false);
    if (reader.take("<!")) return look(true, true);
    if (reader.take(">")) return { kind: "atomic", body: body() };
    if (reader.takeMatch(/(?:P?<[\p{L}_][\p{L}\p{N}_]*>|'[\p{L}_][\p{L}\p{N}_]*')/uy)) return this.#capture(body);
    const inner = reader.takeMatch(/([a-z]*)(?:-([a-z]+))?:/iy);
    if (inner !== undefined) return body(this.#changed(flags, inner));
    throw reader.unsupported("this kind of group is not supported", start);
  }

  #capture(body: () => RegexNode): RegexNode {
    this.#groupCount++; // before the body: groups are counted by their opening parentheses
    const index = this.#groupCount;
    return { kind: "group", index, body: body() };
  }

  /** The node with all the quantifiers that follow it. */
  #quantified(atom: RegexNode, flags: Flags): RegexNode {
    const reader = this.#reader;
    let node = atom;
    for (let count = 0; ; count++) {
      this.#skipIgnored(flags);
      const start = reader.position;
      const range = this.#quantifier();
      if (range === undefined) return node;
      if (count > 0 && this.#dialect === "ecmascript")
        throw reader.malformed("a quantifier has nothing to repeat", start);
      if (count === maxStackedQuantifiers) throw reader.unsupported("quantifiers are stacked too high", start);
      const { min, max, isInBraces } = range;
      // In Oniguruma's Ruby syntax {n}? is (?:{n})?, and braces have no possessive form: {n,m}+ is (?:{n,m})+.
      const isRuby = isInBraces && this.#dialect === "oniguruma";
      const isLazy = !(isRuby && min === max) && reader.take("?");
      const isPossessive = !isLazy && !isRuby && this.#dialect !== "ecmascript" && reader.take("+");
      node = repeat(node, min, max, isLazy);
      if (isPossessive) node = { kind: "atomic", body: node };
    }
  }

  #quantifier(): { readonly min: number; readonly max: number; readonly isInBraces: boolean } | undefined {
    const reader = this.#reader;
    if (reader.take("*")) return { min: 0, max: Infinity, isInBraces: false };
    if (reader.take("+")) return { min: 1, max: Infinity, isInBraces: false };
    if (reader.take("?")) return { min: 0, max: 1, isInBraces: false };
    const start = reader.position;
    // Braces that hold anything else are literal, and so are empty ones and {,}.
    const found = reader.takeMatch(/\{(?:(\d+)(,)?(\d*)|,(\d+))\}/y);
    if (found === undefined) return undefined;
    const [, least, comma, most, mostAlone] = found;
    const min = Number(least ?? 0);
    const max = mostAlone !== undefined ? Number(mostAlone) : comma === undefined ? min : Number(most || Infinity);
    if (max < min) throw reader.malformed("the upper bound is below the lower one", start);
    if (Math.max(min, Number.isFinite(max) ? max : 0) > maxRepetitions) {
      throw reader.unsupported(`more than ${maxRepetitions} repetitions are not supported`, start);
    }
    return { min, max, isInBraces: true };
  }
}

/** `\R`: a carriage return is not parted from its newline. */
const lineBreak: RegexNode = {
  kind: "atomic",
  body: {
    kind: "alternation",
    alternatives: [
      { kind: "sequence", parts: [0x0d, 0x0a].map((code) => ({ kind: "set", set: CodePointSet.of(code) })) },
      { kind: "set", set: CodePointSet.fromRanges([[0x0a, 0x0d]]).union(CodePointSet.of(0x85, 0x2028, 0x2029)) },
    ],
  },
};

/** Where the text ends, no line begins: not after its last newline, but in an empty text one does. */
const onigurumaLineStart: RegexNode = {
  kind: "alternation",
  alternatives: [
    assertion("text-start"),
    {
      kind: "sequence",
      parts: [
        assertion("line-start"),
        { kind: "look", body: assertion("text-end"), isBehind: false, isNegative: true },
      ],
    },
  ],
};

function literal(codePoint: number, { ignoresCase }: Flags): RegexNode {
  const set = CodePointSet.of(codePoint);
  return { kind: "set", set: ignoresCase ? closeOverCase(set) : set };
}

function assertion(name: Assertion): RegexNode {
  return { kind: "assertion", assertion: name };
}

/** Repeats of what matches nothing but the empty string (a `{0}`, an empty group) end here: they would cost time for nothing. */
function repeat(body: RegexNode, min: number, max: number, isLazy: boolean): RegexNode {
  if (body.kind === "empty" || max === 0) return emptyNode;
  if (min === 1 && max === 1) return body;
  return { kind: "repeat", body, min, max, isLazy };
}
