import { RequestError } from "../../../util/errors.ts";
import { quote } from "../../../util/quote.ts";
import type { StepBudget } from "../../../util/step-budget.ts";
import { wordCost } from "../step-costs.ts";

/** The two ways in which grammars are written: llama.cpp's GBNF, and what Lark reads. */
export type EbnfDialect = "gbnf" | "lark";

export interface EbnfToken {
  readonly kind: "name" | "string" | "pattern" | "class" | "directive" | "sign" | "end";
  /** As it is written. */
  readonly text: string;
  /** Where it begins. */
  readonly position: number;
}

const shapes = {
  gbnf: [
    ["space", /(?:\s|#.*)+/y],
    ["name", /[A-Za-z][A-Za-z0-9_-]*/y],
    ["string", /"(?:[^"\\\n]|\\[^\n])*"/y],
    ["class", /\[(?:[^\]\\\n]|\\[^\n])*\]/y],
    ["sign", /::=|\{\s*\d*\s*(?:,\s*\d*\s*)?\}|[|()*+?.]/y],
  ],
  lark: [
    ["space", /(?:\s|\/\/.*|#.*)+/y],
    ["directive", /%[a-z]+[^\n]*/y],
    ["name", /[!?]*[A-Za-z_][A-Za-z0-9_]*(?:\.-?\d+(?=\s*:))?/y],
    ["string", /"(?:[^"\\\n]|\\[^\n])*"i?/y],
    ["pattern", /\/(?:[^/\\\n]|\\[^\n])+\/[a-z]*/y],
    ["sign", /->|\.\.|~\s*\d+(?:\s*\.\.\s*\d+)?|[:|()[\]*+?]/y],
  ],
} as const satisfies Record<EbnfDialect, readonly (readonly [kind: string, shape: RegExp])[]>;

/** Throws RequestError for what is no part of a grammar, and what the budget throws. */
export function readTokens(source: string, dialect: EbnfDialect, budget: StepBudget): readonly EbnfToken[] {
  const tokens: EbnfToken[] = [];
  let position = 0;
  next: while (position < source.length) {
    budget.spend(wordCost);
    for (const [kind, shape] of shapes[dialect]) {
      shape.lastIndex = position;
      const text = shape.exec(source)?.[0];
      if (text === undefined) continue;
      if (kind !== "space") tokens.push({ kind, text, position });
      position += text.length;
      continue next;
    }
    throw malformed(source, position, `${quote(source.slice(position, position + 20))} is no part of a grammar`);
  }
  tokens.push({ kind: "end", text: "", position });
  return tokens;
}

export function malformed(source: string, position: number, what: string): RequestError {
  const before = source.slice(0, position).split("\n");
  return new RequestError(`the grammar, line ${before.length}, character ${before.at(-1)!.length + 1}: ${what}`);
}
