import { CodePointSet } from "../regex/code-point-set.ts";
import type { CodePointDfa } from "./code-point-dfa.ts";

/** What a part of a text may be. Built by the readers of schemas, patterns and grammars; compiled by compile-automaton.ts. */
export type Expression =
  | { readonly kind: "literal"; readonly bytes: Uint8Array }
  /** One character, in UTF-8. */
  | { readonly kind: "set"; readonly set: CodePointSet }
  /** A text of the automaton's; "json": as it stands between the quotes of a JSON string. */
  | { readonly kind: "texts"; readonly dfa: CodePointDfa; readonly spelling: "plain" | "json" }
  | { readonly kind: "sequence"; readonly parts: readonly Expression[] }
  | { readonly kind: "choice"; readonly options: readonly Expression[] }
  /** `max` may be Infinity. */
  | { readonly kind: "repeat"; readonly body: Expression; readonly min: number; readonly max: number }
  | { readonly kind: "call"; readonly rule: number };

const utf8 = new TextEncoder();

export const nothing: Expression = { kind: "sequence", parts: [] };
/** Matches no text at all, not even the empty one. */
export const never: Expression = { kind: "choice", options: [] };

export function literal(text: string): Expression {
  return { kind: "literal", bytes: utf8.encode(text) };
}

export function characters(...ranges: readonly (readonly [first: string, last: string])[]): Expression {
  return {
    kind: "set",
    set: CodePointSet.fromRanges(ranges.map(([first, last]) => [first.codePointAt(0)!, last.codePointAt(0)!])),
  };
}

export function sequence(...parts: readonly Expression[]): Expression {
  return parts.length === 1 ? parts[0] : { kind: "sequence", parts };
}

export function choice(...options: readonly Expression[]): Expression {
  return options.length === 1 ? options[0] : { kind: "choice", options };
}

export function repeat(body: Expression, min: number, max = Infinity): Expression {
  return { kind: "repeat", body, min, max };
}

export function optional(body: Expression): Expression {
  return repeat(body, 0, 1);
}
