import { CodePointSet } from "./code-point-set.ts";
import type { RegexNode } from "./regex-tree.ts";

/** What a match of a node can begin with; a nullable one can also be empty. */
export interface FirstSet {
  readonly set: CodePointSet;
  readonly isNullable: boolean;
}

/** What comes after a node, nearest first; undefined where that is not known, or is the end of the pattern. */
export interface Continuation {
  readonly node: RegexNode;
  readonly rest: Continuation | undefined;
}

/** First sets of a tree's nodes. `spend` is told how much work each union was. */
export class FirstSets {
  readonly #known = new Map<RegexNode, FirstSet>();
  readonly #spend: (work: number) => void;

  constructor(spend: (work: number) => void) {
    this.#spend = spend;
  }

  of(node: RegexNode): FirstSet {
    let first = this.#known.get(node);
    if (first === undefined) {
      first = this.#compute(node);
      this.#known.set(node, first);
    }
    return first;
  }

  /** What can come next, looking through what may be empty; undefined where that is anything, or the end of the text. */
  ofContinuation(continuation: Continuation | undefined): CodePointSet | undefined {
    let set = CodePointSet.empty;
    for (let next = continuation; next !== undefined; next = next.rest) {
      const first = this.of(next.node);
      set = this.#union(set, first.set);
      if (!first.isNullable) return set;
    }
    return undefined;
  }

  #compute(node: RegexNode): FirstSet {
    switch (node.kind) {
      case "set":
        return { set: node.set, isNullable: false };
      case "empty":
      case "assertion":
      case "look":
        return { set: CodePointSet.empty, isNullable: true };
      case "group":
      case "atomic":
        return this.of(node.body);
      case "repeat": {
        const { set, isNullable } = this.of(node.body);
        return { set, isNullable: isNullable || node.min === 0 };
      }
      case "sequence": {
        let set = CodePointSet.empty;
        for (const part of node.parts) {
          const first = this.of(part);
          set = this.#union(set, first.set);
          if (!first.isNullable) return { set, isNullable: false };
        }
        return { set, isNullable: true };
      }
      case "alternation": {
        const firsts = node.alternatives.map((alternative) => this.of(alternative));
        return {
          set: firsts.reduce((union, { set }) => this.#union(union, set), CodePointSet.empty),
          isNullable: firsts.some(({ isNullable }) => isNullable),
        };
      }
      default:
        throw node satisfies never;
    }
  }

  #union(a: CodePointSet, b: CodePointSet): CodePointSet {
    this.#spend(1 + ((a.ranges.length + b.ranges.length) >> 3));
    return a.union(b);
  }
}
