import { UnsupportedError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { CharTable, lowCodePoints } from "./char-table.ts";
import type { CodePointSet } from "./code-point-set.ts";
import { FirstSets, type Continuation } from "./first-set.ts";
import * as op from "./instructions.ts";
import { widthOf, type Assertion, type RegexNode } from "./regex-tree.ts";
import type { RegexProgram } from "./regex-program.ts";

const maxCodeLength = 100_000;
const maxTables = 256;
/** Tables that only make a match faster leave room for those without which there is none. */
const maxExtraTables = 128;
/** Nodes visited, copies of repeated ones included, and ranges of sets united. */
const maxWork = 500_000;
const maxLookBehind = 255;
/** Beyond this many alternatives nobody asks whether they exclude each other: that takes time of their number squared. */
const maxComparedAlternatives = 32;

export interface LowerOptions {
  readonly pattern: string;
  /** What `\b` takes for a word's characters. */
  readonly wordCharacters: () => CodePointSet;
  /** Groups that are remembered; 0 makes a faster program that remembers none. */
  readonly groupCount: number;
}

/** Throws UnsupportedError where the program would be too large or a look-behind has no bound. */
export function lowerRegex(tree: RegexNode, options: LowerOptions): RegexProgram {
  return new Lowering(options).program(tree);
}

class Lowering {
  readonly #options: LowerOptions;
  readonly #code: number[] = [];
  readonly #sets: CodePointSet[] = [];
  readonly #tableOf = new Map<CodePointSet | string, number>();
  readonly #firsts = new FirstSets((work) => this.#spend(work));
  readonly #groupSlots: number;
  #registerCount: number;
  #work = 0;

  constructor(options: LowerOptions) {
    this.#options = options;
    this.#groupSlots = 2 * (options.groupCount + 1);
    this.#registerCount = this.#groupSlots;
  }

  program(tree: RegexNode): RegexProgram {
    this.#lower(tree, undefined);
    this.#emit(op.MATCH);
    const first = this.#firsts.of(tree);
    const firstTable = first.isNullable ? undefined : this.#extraTable(first.set);
    const tables = this.#sets.map((set) => CharTable.of(set));
    const low = new Uint8Array(tables.length * lowCodePoints);
    tables.forEach((table, index) => {
      for (let c = 0; c < lowCodePoints; c++) if (table.has(c)) low[index * lowCodePoints + c] = 1;
    });
    return {
      code: Int32Array.from(this.#code),
      tables,
      low,
      firstTable,
      registerCount: this.#registerCount,
      groupSlots: this.#groupSlots,
    };
  }

  #lower(node: RegexNode, next: Continuation | undefined): void {
    this.#spend(1);
    switch (node.kind) {
      case "empty":
        return;
      case "set":
        this.#one(node.set);
        return;
      case "sequence":
        this.#sequence(node.parts, next);
        return;
      case "alternation":
        this.#alternation(node.alternatives, next);
        return;
      case "repeat":
        this.#repeat(node, next, false);
        return;
      case "group":
        this.#group(node, next);
        return;
      case "atomic":
        this.#atomic(node.body, next);
        return;
      case "look":
        this.#look(node);
        return;
      case "assertion":
        this.#assertion(node.assertion);
        return;
      default:
        throw node satisfies never;
    }
  }

  #one(set: CodePointSet): void {
    const { single } = set;
    // Half of a surrogate pair must not match, so a lone surrogate is looked up like a class.
    if (single === undefined || (single >= 0xd800 && single <= 0xdfff)) this.#emit(op.SET, this.#table(set));
    else for (const unit of String.fromCodePoint(single).split("")) this.#emit(op.CHAR, unit.charCodeAt(0));
  }

  #sequence(parts: readonly RegexNode[], next: Continuation | undefined): void {
    const continuations: (Continuation | undefined)[] = [next];
    for (const part of parts.slice(1).reverse()) continuations.push({ node: part, rest: continuations.at(-1) });
    for (const part of parts) this.#lower(part, continuations.pop());
  }

  #alternation(alternatives: readonly RegexNode[], next: Continuation | undefined): void {
    const firsts = alternatives.map((node) => this.#firsts.ofContinuation({ node, rest: next }));
    const jumps: number[] = [];
    alternatives.forEach((alternative, index) => {
      const isLast = index === alternatives.length - 1;
      const others = firsts.slice(index + 1, index + 2 + maxComparedAlternatives);
      const operand = isLast ? undefined : this.#choice(firsts[index], others);
      this.#lower(alternative, next);
      if (operand === undefined) return;
      jumps.push(this.#emit(op.JUMP, 0));
      this.#code[operand] = this.#code.length;
    });
    for (const operand of jumps) this.#code[operand] = this.#code.length;
  }

  /**
   * Emits the choice between what begins with `first`, which comes next, and a target that begins with one of `others`.
   * Returns where the target is to be written.
   */
  #choice(first: CodePointSet | undefined, others: readonly (CodePointSet | undefined)[]): number {
    const table = first === undefined ? undefined : this.#extraTable(first);
    if (first === undefined || table === undefined) return this.#emit(op.FORK, 0);
    const isExclusive =
      others.length <= maxComparedAlternatives && others.every((other) => this.#areDisjoint(first, other));
    return this.#emit(isExclusive ? op.SKIP : op.BRANCH, table, 0);
  }

  #repeat(node: RegexNode & { kind: "repeat" }, next: Continuation | undefined, isPossessive: boolean): void {
    const { body, min, max, isLazy } = node;
    const set = setOf(body, this.#options.groupCount > 0);
    if (set !== undefined && !isLazy) {
      this.#run(set, min, max, isPossessive ? op.FOLLOW_NONE : this.#follow(set, next));
      return;
    }
    const after: Continuation = { node: { ...node, min: 0 }, rest: next };
    for (let count = 1; count < min || (count === min && max !== Infinity); count++) this.#lower(body, after);
    if (max === Infinity) this.#loop(node, after);
    else this.#optional(node, max - min, after);
  }

  #run(set: CodePointSet, min: number, max: number, follow: number): void {
    this.#emit(op.RUN, this.#table(set), min, Math.min(max, 0x7fffffff), follow);
  }

  #follow(set: CodePointSet, next: Continuation | undefined): number {
    const follow = this.#firsts.ofContinuation(next);
    if (follow === undefined) return op.FOLLOW_ANY;
    return this.#areDisjoint(set, follow) ? op.FOLLOW_NONE : (this.#extraTable(follow) ?? op.FOLLOW_ANY);
  }

  /** The body once more and again and again; before it, unless it has to match once, the choice to leave. */
  #loop({ body, min, isLazy }: RegexNode & { kind: "repeat" }, after: Continuation): void {
    const exits: number[] = [];
    const start = this.#code.length;
    if (min === 0) exits.push(this.#again(body, isLazy, after.rest));
    if (this.#firsts.of(body).isNullable) {
      // An iteration that matched nothing is the last: it could go on forever.
      const register = this.#registerCount++;
      this.#emit(op.SAVE, register);
      this.#lower(body, after);
      exits.push(this.#emit(op.LEAVE_IF_EMPTY, register, 0));
    } else this.#lower(body, after);
    if (min > 0) exits.push(this.#again(body, isLazy, after.rest));
    this.#emit(op.JUMP, start);
    for (const operand of exits) this.#code[operand] = this.#code.length;
  }

  #optional({ body, isLazy }: RegexNode & { kind: "repeat" }, count: number, after: Continuation): void {
    const exits: number[] = [];
    for (let i = 0; i < count; i++) {
      exits.push(this.#again(body, isLazy, after.rest));
      this.#lower(body, after);
    }
    for (const operand of exits) this.#code[operand] = this.#code.length;
  }

  /** The choice between the body, which comes next, and leaving; returns where the target for leaving is to be written. */
  #again(body: RegexNode, isLazy: boolean, next: Continuation | undefined): number {
    const first = this.#firsts.ofContinuation({ node: body, rest: next });
    const follow = this.#firsts.ofContinuation(next);
    if (!isLazy) return this.#choice(this.#firsts.of(body).isNullable ? undefined : first, [follow]);
    const isExclusive = first !== undefined && this.#areDisjoint(first, follow);
    return isExclusive ? this.#choice(first, [follow]) : this.#emit(op.FORK_AHEAD, 0);
  }

  #group({ body, index }: RegexNode & { kind: "group" }, next: Continuation | undefined): void {
    if (this.#options.groupCount === 0) {
      this.#lower(body, next);
      return;
    }
    this.#emit(op.SAVE, 2 * index);
    this.#lower(body, next);
    this.#emit(op.SAVE, 2 * index + 1);
  }

  #atomic(body: RegexNode, next: Continuation | undefined): void {
    const isRun =
      body.kind === "repeat" && !body.isLazy && setOf(body.body, this.#options.groupCount > 0) !== undefined;
    if (isRun) {
      this.#repeat(body, next, true);
      return;
    }
    const register = this.#enter();
    this.#lower(body, next);
    this.#emit(op.COMMIT, register);
  }

  #look({ body, isBehind, isNegative }: RegexNode & { kind: "look" }): void {
    const set = setOf(body, this.#options.groupCount > 0);
    if (set !== undefined) {
      this.#emit(isBehind ? op.PEEK_BACK : op.PEEK, this.#table(set), isNegative ? 0 : 1);
      return;
    }
    const register = this.#enter();
    const after = isNegative ? this.#emit(op.FORK, 0) : undefined;
    const isVariable = isBehind && this.#stepBack(body);
    this.#lower(body, undefined);
    if (isVariable) this.#emit(op.RETURNED, register);
    if (after === undefined) {
      this.#emit(op.COMMIT, register);
      this.#emit(op.REWIND, register);
    } else {
      this.#emit(op.REFUTE, register);
      this.#code[after] = this.#code.length;
    }
  }

  /** To where a look-behind can have begun, nearest first; returns whether there are several such places. */
  #stepBack(body: RegexNode): boolean {
    const { min, max } = widthOf(body);
    if (max > maxLookBehind) throw this.#unsupported(`look-behind reaches back more than ${maxLookBehind} characters`);
    this.#emit(op.BACK, min);
    const jumps: number[] = [];
    for (let width = min; width < max; width++) {
      const farther = this.#emit(op.FORK, 0);
      jumps.push(this.#emit(op.JUMP, 0));
      this.#code[farther] = this.#code.length;
      this.#emit(op.BACK, 1);
    }
    for (const operand of jumps) this.#code[operand] = this.#code.length;
    return min < max;
  }

  #assertion(assertion: Assertion): void {
    switch (assertion) {
      case "word-border":
      case "no-word-border":
        this.#emit(op.BORDER, this.#table(this.#options.wordCharacters()), assertion === "word-border" ? 1 : 0);
        return;
      case "text-start":
        this.#emit(op.TEXT_START);
        return;
      case "text-end":
        this.#emit(op.TEXT_END);
        return;
      case "last-line-end":
        this.#emit(op.LAST_LINE_END);
        return;
      case "line-start":
        this.#emit(op.LINE_START);
        return;
      case "line-end":
        this.#emit(op.LINE_END);
        return;
      case "search-start":
        this.#emit(op.SEARCH_START);
        return;
      default:
        throw assertion satisfies never;
    }
  }

  /** Two registers: the number of choices and the position. */
  #enter(): number {
    const register = this.#registerCount;
    this.#registerCount += 2;
    this.#emit(op.ENTER, register);
    return register;
  }

  /** Returns where the last operand stands. */
  #emit(...instruction: readonly number[]): number {
    this.#code.push(...instruction);
    if (this.#code.length > maxCodeLength) throw this.#unsupported("its program is too long: use smaller repetitions");
    return this.#code.length - 1;
  }

  #table(set: CodePointSet): number {
    const table = this.#findTable(set, maxTables);
    if (table === undefined) throw this.#unsupported(`more than ${maxTables} different classes of characters`);
    return table;
  }

  #extraTable(set: CodePointSet): number | undefined {
    return this.#findTable(set, maxExtraTables);
  }

  #findTable(set: CodePointSet, limit: number): number | undefined {
    const known = this.#tableOf.get(set);
    if (known !== undefined) return known;
    // Unions are new objects, equal to others or not.
    this.#spend(1 + (set.ranges.length >> 2));
    const key = set.ranges.join();
    let index = this.#tableOf.get(key);
    if (index === undefined) {
      if (this.#sets.length >= limit) return undefined;
      index = this.#sets.push(set) - 1;
      this.#tableOf.set(key, index);
    }
    this.#tableOf.set(set, index);
    return index;
  }

  #areDisjoint(a: CodePointSet, b: CodePointSet | undefined): boolean {
    if (b === undefined) return false;
    this.#spend(1 + ((a.ranges.length + b.ranges.length) >> 3));
    return a.intersect(b).isEmpty;
  }

  #spend(work: number): void {
    this.#work += work;
    if (this.#work > maxWork) throw this.#unsupported("it takes too much work to compile: use smaller repetitions");
  }

  #unsupported(what: string): UnsupportedError {
    return new UnsupportedError(`regular expression ${quote(this.#options.pattern)}: ${what}`);
  }
}

/** The set where a node matches exactly one code point of it, and nothing has to remember where. */
function setOf(node: RegexNode, remembersGroups: boolean): CodePointSet | undefined {
  if (node.kind === "set") return node.set;
  if (node.kind === "group" && !remembersGroups) return setOf(node.body, remembersGroups);
  return undefined;
}
