import type { StepBudget } from "../../util/step-budget.ts";
import { UnsupportedError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { CodePointSet } from "../regex/code-point-set.ts";
import { parseRegex } from "../regex/parse-regex.ts";
import type { RegexNode } from "../regex/regex-tree.ts";
import { appendEdge, CodePointDfa } from "./code-point-dfa.ts";
import { closureCost, edgeCost, stateCost } from "./step-costs.ts";

/** No half of a surrogate pair: it has no UTF-8. */
export const anyCharacter = CodePointSet.fromRanges([
  [0, 0xd7ff],
  [0xe000, 0x10ffff],
]);

export interface RegexDfaOptions {
  /** Whether the pattern must match the whole text, not only some part of it as JSON Schema has it. */
  readonly isWhole: boolean;
  /** Default false. */
  readonly ignoresCase?: boolean;
  readonly budget: StepBudget;
}

/**
 * The texts that a pattern of JavaScript's matches. Throws FormatError for a malformed pattern, UnsupportedError for one that is no
 * regular language here (look-around, word borders, atomic groups, references), and what the budget throws.
 */
export function regexDfa(pattern: string, options: RegexDfaOptions): CodePointDfa {
  const { isWhole, ignoresCase = false, budget } = options;
  const { tree } = parseRegex(pattern, "ecmascript", ignoresCase);
  const builder = new NfaBuilder(pattern, budget);
  return builder.build(tree, isWhole);
}

/** Thompson's construction; edges that need the text's begin or end are kept apart. */
class NfaBuilder {
  readonly #pattern: string;
  readonly #budget: StepBudget;
  readonly #sets: (CodePointSet | undefined)[] = [];
  readonly #targets: number[] = [];
  readonly #silent: number[][] = [];
  readonly #atStart: number[][] = [];
  readonly #atEnd: number[][] = [];
  #hasEnds = false;

  constructor(pattern: string, budget: StepBudget) {
    this.#pattern = pattern;
    this.#budget = budget;
  }

  build(tree: RegexNode, isWhole: boolean): CodePointDfa {
    const start = this.#state();
    const begin = isWhole ? start : this.#anything(start);
    const matched = this.#add(tree, begin);
    const final = isWhole ? matched : this.#anything(matched);
    return this.#determinise(start, final);
  }

  #state(): number {
    this.#budget.spend(stateCost);
    this.#sets.push(undefined);
    this.#targets.push(-1);
    this.#atStart.push([]);
    this.#atEnd.push([]);
    return this.#silent.push([]) - 1;
  }

  #anything(from: number): number {
    return this.#star(from, (inner) => this.#consume(inner, anyCharacter));
  }

  #consume(from: number, set: CodePointSet): number {
    const at = this.#state();
    const to = this.#state();
    this.#silent[from].push(at);
    this.#budget.spend(set.ranges.length);
    this.#sets[at] = set.intersect(anyCharacter);
    this.#targets[at] = to;
    return to;
  }

  #star(from: number, body: (inner: number) => number): number {
    const loop = this.#state();
    this.#silent[from].push(loop);
    this.#silent[body(loop)].push(loop);
    const out = this.#state();
    this.#silent[loop].push(out);
    return out;
  }

  /** Adds what the node matches behind `from`; returns where it ends. */
  #add(node: RegexNode, from: number): number {
    this.#budget.spend();
    switch (node.kind) {
      case "empty":
        return from;
      case "set":
        return this.#consume(from, node.set);
      case "sequence":
        return node.parts.reduce((at, part) => this.#add(part, at), from);
      case "alternation": {
        const end = this.#state();
        for (const alternative of node.alternatives) this.#silent[this.#add(alternative, this.#branch(from))].push(end);
        return end;
      }
      case "repeat":
        return this.#repeat(node, from);
      case "group":
        return this.#add(node.body, from);
      case "assertion": {
        if (node.assertion !== "text-start" && node.assertion !== "text-end")
          throw this.#unsupported("word borders and borders of lines");
        const to = this.#state();
        this.#hasEnds ||= node.assertion === "text-end";
        (node.assertion === "text-start" ? this.#atStart : this.#atEnd)[from].push(to);
        return to;
      }
      case "look":
        throw this.#unsupported("looking ahead or behind");
      case "atomic":
        throw this.#unsupported("atomic groups and possessive quantifiers");
      default:
        throw node satisfies never;
    }
  }

  #branch(from: number): number {
    const state = this.#state();
    this.#silent[from].push(state);
    return state;
  }

  #repeat({ body, min, max }: Extract<RegexNode, { kind: "repeat" }>, from: number): number {
    let at = from;
    for (let i = 0; i < min; i++) at = this.#add(body, at);
    if (max === Infinity) return this.#star(at, (inner) => this.#add(body, inner));
    const end = this.#state();
    for (let i = min; i < max; i++) {
      this.#silent[at].push(end);
      at = this.#add(body, this.#branch(at));
    }
    this.#silent[at].push(end);
    return end;
  }

  #unsupported(what: string): UnsupportedError {
    return new UnsupportedError(
      `regular expression ${quote(this.#pattern)}: ${what} cannot be turned into a grammar; write it without`,
    );
  }

  #determinise(start: number, final: number): CodePointDfa {
    const sets: Int32Array[] = [];
    const numbers = new Map<string, number>();
    const numberOf = (states: Int32Array): number => {
      const key = states.join();
      let number = numbers.get(key);
      if (number === undefined) {
        number = sets.push(states) - 1;
        numbers.set(key, number);
      }
      return number;
    };
    // Large classes of characters lead to the same few sets again and again.
    const known = new Map<string, number>();
    const afterTargets = (targets: readonly number[]): number => {
      const key = targets.join();
      let number = known.get(key);
      if (number === undefined) {
        number = numberOf(this.#closure(targets, false));
        known.set(key, number);
      }
      return number;
    };
    numberOf(this.#closure([start], true));
    const edges: number[][] = [];
    const accepts: boolean[] = [];
    for (let i = 0; i < sets.length; i++) {
      // What lies behind the text's end is only asked whether it accepts.
      accepts.push(this.#reaches(sets[i], final, i === 0));
      edges.push(this.#edgesOf(sets[i], afterTargets));
    }
    return new CodePointDfa(edges, accepts).trimmed();
  }

  /** The states that are reached without a character, those given included; only such as consume or accept matter. */
  #closure(states: readonly number[], isAtStart: boolean, isAtEnd = false): Int32Array {
    const seen = new Set<number>(states);
    for (const state of seen) {
      this.#budget.spend(closureCost);
      for (const next of this.#silent[state]) seen.add(next);
      if (isAtStart) for (const next of this.#atStart[state]) seen.add(next);
      if (isAtEnd) for (const next of this.#atEnd[state]) seen.add(next);
    }
    return Int32Array.from(seen).sort();
  }

  #reaches(states: Int32Array, final: number, isAtStart: boolean): boolean {
    if (states.includes(final)) return true;
    return this.#hasEnds && this.#closure([...states], isAtStart, true).includes(final);
  }

  /** Splits the characters where one of the states' sets begins or ends. */
  #edgesOf(states: Int32Array, numberOf: (targets: number[]) => number): number[] {
    const events: (readonly [at: number, target: number, isBegin: boolean])[] = [];
    for (const state of states) {
      const ranges = this.#sets[state]?.ranges ?? [];
      this.#budget.spend(edgeCost * ranges.length);
      for (let i = 0; i < ranges.length; i += 2)
        events.push([ranges[i], this.#targets[state], true], [ranges[i + 1] + 1, this.#targets[state], false]);
    }
    events.sort(([a], [b]) => a - b);
    const edges: number[] = [];
    const active = new Map<number, number>();
    for (let i = 0; i < events.length;) {
      const [at] = events[i];
      for (; i < events.length && events[i][0] === at; i++) {
        const [, target, isBegin] = events[i];
        const count = (active.get(target) ?? 0) + (isBegin ? 1 : -1);
        if (count === 0) active.delete(target);
        else active.set(target, count);
      }
      if (active.size === 0) continue;
      this.#budget.spend(edgeCost * active.size);
      const target = numberOf([...active.keys()].sort((a, b) => a - b));
      appendEdge(edges, at, events[i][0] - 1, target);
    }
    return edges;
  }
}
