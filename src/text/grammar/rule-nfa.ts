import type { StepBudget } from "../../util/step-budget.ts";
import { CodePointSet, maxCodePoint } from "../regex/code-point-set.ts";
import { appendEdge, type CodePointDfa } from "./code-point-dfa.ts";
import type { Expression } from "./expression.ts";
import { mustBeEscaped, shortestEscape } from "./json-escapes.ts";
import { anyCharacter } from "./regex-dfa.ts";
import { closureCost, edgeCost, stateCost } from "./step-costs.ts";
import { type ByteRanges, utf8Ranges } from "./utf8-ranges.ts";

const utf8 = new TextEncoder();

/** One rule as a nondeterministic automaton over bytes and calls. */
export class RuleNfa {
  readonly #nullable: readonly boolean[];
  readonly #budget: StepBudget;
  readonly #silent: number[][] = [];
  /** first, last, target. */
  readonly #bytes: number[][] = [];
  /** rule, target. */
  readonly #calls: number[][] = [];

  constructor(nullable: readonly boolean[], budget: StepBudget) {
    this.#nullable = nullable;
    this.#budget = budget;
  }

  state(): number {
    this.#budget.spend(stateCost);
    this.#bytes.push([]);
    this.#calls.push([]);
    return this.#silent.push([]) - 1;
  }

  /** Adds what the expression matches behind `from`; returns the state where it ends, which is `from` for what is nothing. */
  add(expression: Expression, from: number): number {
    this.#budget.spend();
    switch (expression.kind) {
      case "literal":
        return this.#literal(expression.bytes, from);
      case "set": {
        const to = this.state();
        this.#sequences(spellingOf(expression.set, false).sequences, from, to, new Map());
        return to;
      }
      case "texts":
        return this.#texts(expression.dfa, expression.spelling === "json", from);
      case "sequence":
        return expression.parts.reduce((at, part) => this.add(part, at), from);
      case "choice": {
        const to = this.state();
        for (const option of expression.options) this.#silent[this.add(option, this.#branch(from))].push(to);
        return to;
      }
      case "repeat":
        return this.#repeat(expression, from);
      case "call": {
        const to = this.state();
        this.#calls[from].push(expression.rule, to);
        if (this.#nullable[expression.rule]) this.#silent[from].push(to);
        return to;
      }
      default:
        throw expression satisfies never;
    }
  }

  #branch(from: number): number {
    const state = this.state();
    this.#silent[from].push(state);
    return state;
  }

  #repeat({ body, min, max }: Extract<Expression, { kind: "repeat" }>, from: number): number {
    let at = from;
    for (let i = 0; i < min; i++) at = this.add(body, this.#branch(at));
    const to = this.state();
    if (max === Infinity) {
      const loop = this.#branch(at);
      this.#silent[this.add(body, this.#branch(loop))].push(loop);
      this.#silent[loop].push(to);
      return to;
    }
    for (let i = min; i < max; i++) {
      this.#silent[at].push(to);
      at = this.add(body, this.#branch(at));
    }
    this.#silent[at].push(to);
    return to;
  }

  #literal(bytes: Uint8Array, from: number): number {
    let at = from;
    for (const byte of bytes) {
      const to = this.state();
      this.#bytes[at].push(byte, byte, to);
      at = to;
    }
    return at;
  }

  #texts(dfa: CodePointDfa, isJson: boolean, from: number): number {
    const numbers = dfa.edges.map(() => this.state());
    this.#silent[from].push(numbers[0]);
    const end = this.state();
    /** By range: the same few lead from state to state again and again. */
    const spellings = new Map<number, Spelling>();
    for (const [state, edges] of dfa.edges.entries()) {
      if (dfa.accepts[state]) this.#silent[numbers[state]].push(end);
      const suffixes = new Map<number, number>();
      for (let i = 0; i < edges.length; i += 3) {
        const target = numbers[edges[i + 2]];
        const key = edges[i] * (maxCodePoint + 1) + edges[i + 1];
        let spelling = spellings.get(key);
        if (spelling === undefined) {
          spelling = spellingOf(CodePointSet.fromRanges([[edges[i], edges[i + 1]]]), isJson);
          spellings.set(key, spelling);
        }
        this.#sequences(spelling.sequences, numbers[state], target, suffixes);
        this.#escapes(spelling.escapes, 0, numbers[state], target);
      }
    }
    return end;
  }

  /** Ascending texts, none the beginning of another, from their bytes at `depth` on: as a tree, lest many begin alike. */
  #escapes(texts: readonly Uint8Array[], depth: number, from: number, to: number): void {
    for (let i = 0; i < texts.length;) {
      const begin = i;
      const byte = texts[begin][depth];
      while (i < texts.length && texts[i][depth] === byte) i++;
      if (texts[begin].length === depth + 1) {
        appendEdge(this.#bytes[from], byte, byte, to);
        continue;
      }
      const inner = this.state();
      appendEdge(this.#bytes[from], byte, byte, inner);
      this.#escapes(texts.slice(begin, i), depth + 1, inner, to);
    }
  }

  /** `suffixes`: what follows the first byte, by range and target, so that characters share it. */
  #sequences(sequences: readonly ByteRanges[], from: number, to: number, suffixes: Map<number, number>): void {
    this.#budget.spend(edgeCost * sequences.length);
    for (const bytes of sequences) {
      let target = to;
      for (let at = bytes.length - 2; at > 0; at -= 2) {
        const key = target * 2 ** 16 + bytes[at] * 2 ** 8 + bytes[at + 1];
        let source = suffixes.get(key);
        if (source === undefined) {
          source = this.state();
          this.#bytes[source].push(bytes[at], bytes[at + 1], target);
          suffixes.set(key, source);
        }
        target = source;
      }
      this.#bytes[from].push(bytes[0], bytes[1], target);
    }
  }

  /** The states that are reached without reading anything, those given included, ascending. */
  closure(states: readonly number[]): readonly number[] {
    if (states.length === 1 && this.#silent[states[0]].length === 0) {
      this.#budget.spend(closureCost);
      return states;
    }
    const seen = new Set(states);
    for (const state of seen) {
      this.#budget.spend(closureCost);
      for (const next of this.#silent[state]) seen.add(next);
    }
    return [...seen].sort((a, b) => a - b);
  }

  callsOf(states: readonly number[]): ReadonlyMap<number, readonly number[]> {
    const calls = new Map<number, number[]>();
    for (const state of states)
      for (let i = 0; i < this.#calls[state].length; i += 2) {
        const [rule, target] = this.#calls[state].slice(i, i + 2);
        const targets = calls.get(rule);
        if (targets === undefined) calls.set(rule, [target]);
        else targets.push(target);
      }
    return calls;
  }

  /** first, last, target, …: disjoint and ascending. `numberOf` numbers a set of states. */
  byteEdges(states: readonly number[], numberOf: (targets: readonly number[]) => number): readonly number[] {
    const given = sorted(states.length === 1 ? this.#bytes[states[0]] : states.flatMap((state) => this.#bytes[state]));
    this.#budget.spend(given.length);
    return isDisjoint(given) ? withTargets(given, (target) => numberOf([target])) : this.#split(given, numberOf);
  }

  /** Edges that overlap, cut where one of them begins or ends. */
  #split(given: readonly number[], numberOf: (targets: readonly number[]) => number): readonly number[] {
    const isBorder = new Uint8Array(257);
    for (let i = 0; i < given.length; i += 3) isBorder[given[i]] = isBorder[given[i + 1] + 1] = 1;
    const borders: number[] = [];
    for (const [byte, is] of isBorder.entries()) if (is !== 0) borders.push(byte);
    const indexOf = new Uint16Array(257);
    for (const [i, byte] of borders.entries()) indexOf[byte] = i;
    const targetsAt: number[][] = borders.map(() => []);
    for (let i = 0; i < given.length; i += 3)
      for (let at = indexOf[given[i]]; borders[at] <= given[i + 1]; at++) targetsAt[at].push(given[i + 2]);
    const edges: number[] = [];
    for (const [at, targets] of targetsAt.entries()) {
      if (targets.length === 0) continue;
      this.#budget.spend(edgeCost + targets.length);
      const target = numberOf(targets.length === 1 ? targets : [...new Set(targets)].sort((a, b) => a - b));
      appendEdge(edges, borders[at], borders[at + 1] - 1, target);
    }
    return edges;
  }
}

/** By the first byte. */
function sorted(edges: readonly number[]): readonly number[] {
  if (isDisjoint(edges)) return edges;
  const order = Array.from({ length: edges.length / 3 }, (_, i) => 3 * i).sort((a, b) => edges[a] - edges[b]);
  return order.flatMap((i) => [edges[i], edges[i + 1], edges[i + 2]]);
}

/** Whether each begins after the end of the one before. */
function isDisjoint(edges: readonly number[]): boolean {
  for (let i = 3; i < edges.length; i += 3) if (edges[i] <= edges[i - 2]) return false;
  return true;
}

function withTargets(given: readonly number[], targetOf: (target: number) => number): readonly number[] {
  const edges: number[] = [];
  for (let i = 0; i < given.length; i += 3) appendEdge(edges, given[i], given[i + 1], targetOf(given[i + 2]));
  return edges;
}

/** How the characters of a set are written. */
interface Spelling {
  readonly sequences: readonly ByteRanges[];
  /** Of characters that cannot stand for themselves, ascending. */
  readonly escapes: readonly Uint8Array[];
}

function spellingOf(set: CodePointSet, isJson: boolean): Spelling {
  const { ranges } = (isJson ? set.minus(mustBeEscaped) : set).intersect(anyCharacter);
  const sequences: ByteRanges[] = [];
  for (let i = 0; i < ranges.length; i += 2) sequences.push(...utf8Ranges(ranges[i], ranges[i + 1]));
  const escapes = isJson ? Array.from(set.intersect(mustBeEscaped).members(), shortestEscape).sort() : [];
  return { sequences, escapes: escapes.map((escape) => utf8.encode(escape)) };
}
