import type { CodePointSet } from "./code-point-set.ts";

/** A pattern as it was written, flags and names resolved. */
export type RegexNode =
  | { readonly kind: "empty" }
  /** One code point of the set: a literal, a class, a dot. */
  | { readonly kind: "set"; readonly set: CodePointSet }
  | { readonly kind: "sequence"; readonly parts: readonly RegexNode[] }
  /** The first alternative that leads to a match wins. */
  | { readonly kind: "alternation"; readonly alternatives: readonly RegexNode[] }
  /** `max` is Infinity where there is no upper bound. */
  | {
      readonly kind: "repeat";
      readonly body: RegexNode;
      readonly min: number;
      readonly max: number;
      readonly isLazy: boolean;
    }
  /** `index` counts opening parentheses from 1. */
  | { readonly kind: "group"; readonly body: RegexNode; readonly index: number }
  /** Once it has matched, it is not tried in another way. */
  | { readonly kind: "atomic"; readonly body: RegexNode }
  | { readonly kind: "look"; readonly body: RegexNode; readonly isBehind: boolean; readonly isNegative: boolean }
  | { readonly kind: "assertion"; readonly assertion: Assertion };

export type Assertion =
  | "text-start"
  | "text-end"
  /** At the end of the text, or before a newline that ends it. */
  | "last-line-end"
  | "line-start"
  | "line-end"
  | "word-border"
  | "no-word-border"
  | "search-start";

export const emptyNode: RegexNode = { kind: "empty" };

/** How many code points a node may match. */
export interface Width {
  readonly min: number;
  readonly max: number;
}

export function widthOf(node: RegexNode): Width {
  switch (node.kind) {
    case "set":
      return { min: 1, max: 1 };
    case "sequence":
      return node.parts
        .map(widthOf)
        .reduce((sum, width) => ({ min: sum.min + width.min, max: sum.max + width.max }), { min: 0, max: 0 });
    case "alternation":
      return node.alternatives
        .map(widthOf)
        .reduce((a, b) => ({ min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) }));
    case "repeat": {
      const { min, max } = widthOf(node.body);
      return { min: min * node.min, max: max === 0 ? 0 : max * node.max };
    }
    case "group":
    case "atomic":
      return widthOf(node.body);
    case "empty":
    case "look":
    case "assertion":
      return { min: 0, max: 0 };
    default:
      throw node satisfies never;
  }
}
