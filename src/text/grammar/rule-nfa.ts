import type { StepBudget } from "../../util/step-budget.ts";
import { CodePointSet } from "../regex/code-point-set.ts";
import type { CodePointDfa } from "./code-point-dfa.ts";
import type { Expression } from "./expression.ts";
import { mustBeEscaped, shortestEscape } from "./json-escapes.ts";
import { anyCharacter, closureCost, stateCost } from "./regex-dfa.ts";
import { utf8Ranges } from "./utf8-ranges.ts";

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
        this.#set(expression.set, from, to, new Map());
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
    for (const [state, edges] of dfa.edges.entries()) {
      if (dfa.accepts[state]) this.#silent[numbers[state]].push(end);
      const suffixes = new Map<string, number>();
      for (let i = 0; i < edges.length; i += 3) {
        const set = CodePointSet.fromRanges([[edges[i], edges[i + 1]]]);
        const target = numbers[edges[i + 2]];
        this.#set(isJson ? set.minus(mustBeEscaped) : set, numbers[state], target, suffixes);
        if (isJson)
          for (const codePoint of set.intersect(mustBeEscaped).members()) {
            const spelled = this.#literal(utf8.encode(shortestEscape(codePoint)), numbers[state]);
            this.#silent[spelled].push(target);
          }
      }
    }
    return end;
  }

  /** `suffixes`: what follows the first byte, by ranges and target, so that characters share it. */
  #set(set: CodePointSet, from: number, to: number, suffixes: Map<string, number>): void {
    const { ranges } = set.intersect(anyCharacter);
    for (let i = 0; i < ranges.length; i += 2)
      for (const bytes of utf8Ranges(ranges[i], ranges[i + 1])) {
        let target = to;
        let key = String(to);
        for (let at = bytes.length - 2; at > 0; at -= 2) {
          key = `${bytes[at]}-${bytes[at + 1]} ${key}`;
          let source = suffixes.get(key);
          if (source === undefined) {
            source = this.state();
            this.#bytes[source].push(bytes[at], bytes[at + 1], target);
            suffixes.set(key, source);
          }
          target = source;
        }
        this.#budget.spend();
        this.#bytes[from].push(bytes[0], bytes[1], target);
      }
  }

  /** The states that are reached without reading anything, those given included, ascending. */
  closure(states: readonly number[]): readonly number[] {
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
    const given: number[] = [];
    for (const state of states) given.push(...this.#bytes[state]);
    this.#budget.spend(given.length);
    const borders = new Set<number>();
    for (let i = 0; i < given.length; i += 3) borders.add(given[i]).add(given[i + 1] + 1);
    const sorted = [...borders].sort((a, b) => a - b);
    const targetsAt: (Set<number> | undefined)[] = [];
    for (let i = 0; i < given.length; i += 3)
      for (let border = sorted.indexOf(given[i]); sorted[border] <= given[i + 1]; border++)
        (targetsAt[border] ??= new Set()).add(given[i + 2]);
    const edges: number[] = [];
    for (const [border, targets] of targetsAt.entries()) {
      if (targets === undefined) continue;
      this.#budget.spend(targets.size);
      const target = numberOf([...targets].sort((a, b) => a - b));
      const end = edges.length;
      if (end > 0 && edges[end - 1] === target && edges[end - 2] + 1 === sorted[border])
        edges[end - 2] = sorted[border + 1] - 1;
      else edges.push(sorted[border], sorted[border + 1] - 1, target);
    }
    return edges;
  }
}
