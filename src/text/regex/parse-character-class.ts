import { closeOverCase } from "./case-folding.ts";
import { posixClass } from "./character-classes.ts";
import { CodePointSet } from "./code-point-set.ts";
import { parseEscape } from "./parse-escape.ts";
import type { PatternReader } from "./pattern-reader.ts";
import type { RegexDialect } from "./regex.ts";

export interface ClassOptions {
  readonly dialect: RegexDialect;
  readonly ignoresCase: boolean;
  /** Rust's `(?x)` reaches into brackets. */
  readonly skipsSpace: boolean;
  /** Brackets within brackets that are still allowed. */
  readonly depth: number;
}

/**
 * A class, read after its `[`. Members are united first, then `&&` (and Rust's `--` and `~~`) combine what stands left and
 * right of them, from left to right, and a leading `^` turns the whole around. Other cases of letters come before that.
 */
export function parseCharacterClass(reader: PatternReader, options: ClassOptions): CodePointSet {
  const start = reader.position - 1;
  if (options.depth <= 0) throw reader.unsupported("brackets are nested too deeply", start);
  const isNegated = reader.take("^");
  if (options.dialect === "ecmascript" && reader.take("]")) return isNegated ? CodePointSet.all : CodePointSet.empty;
  let result: CodePointSet | undefined;
  let operator = "";
  for (let isFirst = true; ; isFirst = false) {
    const operand = parseUnion(reader, options, isFirst, start);
    result = result === undefined ? operand : combine(result, operator, operand);
    if (reader.take("]")) break;
    operator = reader.next() + reader.next();
  }
  return isNegated ? result.complement() : result;
}

function combine(left: CodePointSet, operator: string, right: CodePointSet): CodePointSet {
  if (operator === "&&") return left.intersect(right);
  if (operator === "--") return left.minus(right);
  return left.minus(right).union(right.minus(left));
}

/** Up to the end or an operator, which stays unread. A `]` that comes first of all is a member. */
function parseUnion(reader: PatternReader, options: ClassOptions, isFirst: boolean, start: number): CodePointSet {
  const ranges: (readonly [number, number])[] = [];
  const classes = new Set<CodePointSet>(); // a class named again and again costs nothing
  const isOperator = (): boolean =>
    (options.dialect !== "ecmascript" && reader.startsWith("&&")) ||
    (options.dialect === "rust" && (reader.startsWith("--") || reader.startsWith("~~")));
  for (let canClose = !isFirst; ; canClose = true) {
    if (options.skipsSpace && reader.takeMatch(/(?:\s|#.*)+/y)) continue;
    if (reader.isAtEnd) throw reader.malformed("this bracket is never closed", start);
    if (canClose && (reader.startsWith("]") || isOperator())) break;
    const at = reader.position;
    const item = parseItem(reader, options);
    const isRange = reader.startsWith("-") && !reader.startsWith("-]") && !isOperator();
    if (typeof item !== "number") {
      classes.add(item);
      continue;
    }
    if (!isRange) {
      ranges.push([item, item]);
      continue;
    }
    reader.next();
    const last = parseItem(reader, options);
    if (typeof last !== "number") {
      ranges.push([item, item], [0x2d, 0x2d]); // before a class a hyphen stands for itself
      classes.add(last);
    } else if (last < item) throw reader.malformed("a range must not end before it begins", at);
    else ranges.push([item, last]);
  }
  let all = CodePointSet.fromRanges(ranges);
  for (const set of classes) {
    reader.spend(all.ranges.length + set.ranges.length);
    all = all.union(set);
  }
  reader.spend(all.ranges.length);
  if (!options.ignoresCase) return all;
  reader.spend(3 * Math.min(all.size, 3000)); // look-ups: that many code points differ by case at all
  return closeOverCase(all);
}

function parseItem(reader: PatternReader, options: ClassOptions): number | CodePointSet {
  if (options.dialect === "ecmascript") return parsePlainItem(reader, options);
  const start = reader.position;
  const posix = reader.takeMatch(/\[:(\^?)([A-Za-z]{1,20}):\]/y);
  if (posix !== undefined) {
    const set = posixClass(posix[2], options.dialect);
    if (set === undefined) throw reader.malformed("unknown class between [: and :]", start);
    return posix[1] === "^" ? set.complement() : set;
  }
  if (reader.take("[")) return parseCharacterClass(reader, { ...options, depth: options.depth - 1 });
  return parsePlainItem(reader, options);
}

function parsePlainItem(reader: PatternReader, options: ClassOptions): number | CodePointSet {
  const start = reader.position;
  if (!reader.take("\\")) return reader.next().codePointAt(0) ?? 0;
  if (reader.take("b")) return 0x08;
  const escape = parseEscape(reader, options.dialect, true);
  if (escape === undefined) throw reader.malformed("an escape that has no meaning between brackets", start);
  return escape;
}
