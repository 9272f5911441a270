import { maxCodePoint, type CodePointSet } from "../regex/code-point-set.ts";
import type { StepBudget } from "../../util/step-budget.ts";
import { edgeCost, stateCost } from "./step-costs.ts";

/** Edges of one state as first, last, target, first, last, target, …: ascending, not overlapping. */
export type CodePointEdges = readonly number[];

/**
 * A deterministic automaton over code points: what a text must look like. State 0 is where it begins; where no edge leads on, nothing
 * matches. Operations take a budget and spend a step for every edge that they make or look at.
 */
export class CodePointDfa {
  readonly edges: readonly CodePointEdges[];
  readonly accepts: readonly boolean[];

  constructor(edges: readonly CodePointEdges[], accepts: readonly boolean[]) {
    this.edges = edges;
    this.accepts = accepts;
  }

  /** Texts of `min` to `max` characters of the set; `max` may be Infinity. */
  static runOf(set: CodePointSet, min: number, max: number): CodePointDfa {
    const last = Number.isFinite(max) ? max : min;
    const edgesTo = (target: number): number[] => {
      const edges: number[] = [];
      for (let i = 0; i < set.ranges.length; i += 2) edges.push(set.ranges[i], set.ranges[i + 1], target);
      return edges;
    };
    const edges = Array.from({ length: last + 1 }, (_, count) => {
      if (count < last) return edgesTo(count + 1);
      return Number.isFinite(max) ? [] : edgesTo(count);
    });
    return new CodePointDfa(
      edges,
      edges.map((_, count) => count >= min),
    );
  }

  /** Exactly these texts. */
  static ofTexts(texts: Iterable<string>): CodePointDfa {
    const maps: Map<number, number>[] = [new Map<number, number>()];
    const accepts = [false];
    for (const text of texts) {
      let state = 0;
      for (const character of text) {
        const codePoint = character.codePointAt(0)!;
        let next = maps[state].get(codePoint);
        if (next === undefined) {
          next = maps.push(new Map()) - 1;
          accepts.push(false);
          maps[state].set(codePoint, next);
        }
        state = next;
      }
      accepts[state] = true;
    }
    const edges = maps.map((map) =>
      [...map].sort(([a], [b]) => a - b).flatMap(([code, target]) => [code, code, target]),
    );
    return new CodePointDfa(edges, accepts);
  }

  /** Whether no text matches. */
  get isEmpty(): boolean {
    return !this.#live()[0];
  }

  matches(text: string): boolean {
    let state = 0;
    for (const character of text) {
      state = this.#next(state, character.codePointAt(0)!);
      if (state < 0) return false;
    }
    return this.accepts[state];
  }

  /** What both match. */
  intersect(other: CodePointDfa, budget: StepBudget): CodePointDfa {
    const pairs = [[0, 0]];
    const numbers = new Map([[0, 0]]);
    const edges: number[][] = [];
    for (let state = 0; state < pairs.length; state++) {
      const [left, right] = pairs[state];
      const [a, b] = [this.edges[left], other.edges[right]];
      const made: number[] = [];
      budget.spend(stateCost);
      for (let i = 0, j = 0; i < a.length && j < b.length;) {
        budget.spend(edgeCost);
        const first = Math.max(a[i], b[j]);
        const last = Math.min(a[i + 1], b[j + 1]);
        if (first <= last) {
          const key = a[i + 2] * other.edges.length + b[j + 2];
          let target = numbers.get(key);
          if (target === undefined) {
            target = pairs.push([a[i + 2], b[j + 2]]) - 1;
            numbers.set(key, target);
          }
          appendEdge(made, first, last, target);
        }
        if (a[i + 1] < b[j + 1]) i += 3;
        else j += 3;
      }
      edges.push(made);
    }
    const accepts = pairs.map(([left, right]) => this.accepts[left] && other.accepts[right]);
    return new CodePointDfa(edges, accepts).trimmed();
  }

  /** All texts that do not match. */
  complement(budget: StepBudget): CodePointDfa {
    const rest = this.edges.length;
    const edges = [...this.edges, []].map((given) => {
      const all: number[] = [];
      let next = 0;
      for (let i = 0; i < given.length; i += 3) {
        budget.spend(edgeCost);
        if (given[i] > next) appendEdge(all, next, given[i] - 1, rest);
        appendEdge(all, given[i], given[i + 1], given[i + 2]);
        next = given[i + 1] + 1;
      }
      if (next <= maxCodePoint) appendEdge(all, next, maxCodePoint, rest);
      return all;
    });
    return new CodePointDfa(edges, [...this.accepts.map((accepts) => !accepts), true]).trimmed();
  }

  /** Without the states from which no text can be completed, or that cannot be reached. */
  trimmed(): CodePointDfa {
    const live = this.#live();
    const numbers = new Int32Array(this.edges.length).fill(-1);
    const order = [0];
    numbers[0] = 0;
    const edges: number[][] = [];
    for (const state of order) {
      const kept: number[] = [];
      const given = this.edges[state];
      for (let i = 0; i < given.length; i += 3) {
        const target = given[i + 2];
        if (!live[target]) continue;
        if (numbers[target] < 0) numbers[target] = order.push(target) - 1;
        appendEdge(kept, given[i], given[i + 1], numbers[target]);
      }
      edges.push(kept);
    }
    return new CodePointDfa(
      edges,
      order.map((state) => this.accepts[state]),
    );
  }

  #next(state: number, codePoint: number): number {
    const edges = this.edges[state];
    for (let i = 0; i < edges.length; i += 3)
      if (codePoint >= edges[i] && codePoint <= edges[i + 1]) return edges[i + 2];
    return -1;
  }

  #live(): Uint8Array {
    const live = new Uint8Array(this.edges.length);
    const sources: number[][] = this.edges.map(() => []);
    for (const [state, edges] of this.edges.entries())
      for (let i = 2; i < edges.length; i += 3) sources[edges[i]].push(state);
    const pending = [...this.edges.keys()].filter((state) => this.accepts[state]);
    for (const state of pending) live[state] = 1;
    for (let state = pending.pop(); state !== undefined; state = pending.pop())
      for (const source of sources[state])
        if (live[source] === 0) {
          live[source] = 1;
          pending.push(source);
        }
    return live;
  }
}

/** An edge that goes on where the last one ended, and leads to the same state, extends it. */
export function appendEdge(edges: number[], first: number, last: number, target: number): void {
  const end = edges.length;
  if (end > 0 && edges[end - 1] === target && edges[end - 2] + 1 === first) edges[end - 2] = last;
  else edges.push(first, last, target);
}
