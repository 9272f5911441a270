import type { StepBudget } from "../../util/step-budget.ts";

/** Whose syntax and semantics a pattern is written for. */
export type RegexDialect = "oniguruma" | "rust" | "ecmascript";

/** How a pattern is read. */
export interface RegexOptions {
  /**
   * "oniguruma" (what tokenizer.json is written for: Ruby's syntax) or "rust" (the default). They differ in `^ $` (of
   * lines, or of the text unless `(?m)`), `(?m)` (dot matches newlines, or `^ $` are of lines) and lesser things.
   * "ecmascript" is JavaScript's with the flag u, which JSON Schema asks for: `\d \w` of ASCII, its own `\s`, no brackets within brackets.
   */
  readonly dialect?: RegexDialect;
  /** As if the pattern began with `(?i)`. */
  readonly caseInsensitive?: boolean;
}

export interface RegexMatch {
  /** UTF-16 indices: text.slice(start, end) matched. */
  readonly start: number;
  readonly end: number;
  /** What each pair of parentheses matched; [0] is the whole match. */
  readonly groups: readonly (string | undefined)[];
}

/**
 * A compiled pattern. Matches over code points: no match begins or ends inside a surrogate pair. What lies before `from` is
 * seen by `^`, `\b` and look-behind, and `\G` is `from`.
 *
 * Matching throws what the budget throws when its steps are spent, and UnsupportedError where it would need more than 4 MB.
 * A step is an instruction, or a character that a run such as `\p{L}+` takes in or gives back: patterns of tokenizers
 * take about 4 a character; a hundred million are about a second.
 */
export interface Regex {
  readonly pattern: string;
  /** Of the last match of `find` or `findAt`: where it began. */
  readonly start: number;
  /** End of the leftmost match that begins at `from` or later, -1 for none. Allocates nothing. */
  find(text: string, from: number, budget: StepBudget): number;
  /** End of the match that begins at `at`, -1 for none. Allocates nothing. */
  findAt(text: string, at: number, budget: StepBudget): number;
  /** The leftmost match that begins at `from` or later, with its groups. */
  match(text: string, from: number, budget: StepBudget): RegexMatch | undefined;
}
