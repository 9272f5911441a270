import type { StepBudget } from "../../util/step-budget.ts";
import { compileRegex } from "../regex/compile-regex.ts";
import type { Regex } from "../regex/regex.ts";
import { unitCount } from "./characters.ts";

/** What a component looks for: a text, or a regular expression in Oniguruma's dialect. */
export type Pattern = { readonly literal: string } | { readonly regex: string };

/** Finds the parts of a text that something applies to. Allocates nothing. */
export interface Finder {
  /** Where the last match began. */
  readonly start: number;
  /** End of the leftmost match that begins at `from` or later, -1 for none. */
  find(text: string, from: number, budget: StepBudget): number;
}

/** Throws FormatError or UnsupportedError for a regular expression that cannot be compiled. */
export function createFinder(pattern: Pattern): Finder {
  return "literal" in pattern ? new LiteralFinder(pattern.literal) : new RegexFinder(pattern.regex);
}

/** Every match is one character. */
export class CharacterFinder implements Finder {
  start = 0;
  readonly #isMatch: (code: number) => boolean;

  constructor(isMatch: (code: number) => boolean) {
    this.#isMatch = isMatch;
  }

  find(text: string, from: number): number {
    for (let i = from; i < text.length;) {
      const code = text.codePointAt(i) ?? 0;
      const end = i + unitCount(code);
      if (this.#isMatch(code)) {
        this.start = i;
        return end;
      }
      i = end;
    }
    return -1;
  }
}

class LiteralFinder implements Finder {
  start = 0;
  readonly #literal: string;

  constructor(literal: string) {
    this.#literal = literal;
  }

  find(text: string, from: number): number {
    this.start = text.indexOf(this.#literal, from);
    return this.start === -1 ? -1 : this.start + this.#literal.length;
  }
}

class RegexFinder implements Finder {
  readonly #regex: Regex;

  constructor(pattern: string) {
    this.#regex = compileRegex(pattern, { dialect: "oniguruma" });
  }

  get start(): number {
    return this.#regex.start;
  }

  find(text: string, from: number, budget: StepBudget): number {
    return this.#regex.find(text, from, budget);
  }
}

/**
 * Calls back for every match, in order. As in Oniguruma's iterator there is no empty match where the one before ended, and after an empty
 * one the search goes on one character further.
 */
export function forEachMatch(
  finder: Finder,
  text: string,
  budget: StepBudget,
  visit: (start: number, end: number) => void,
): void {
  let from = 0;
  let previousEnd = -1;
  while (from <= text.length) {
    const end = finder.find(text, from, budget);
    if (end === -1) return;
    const { start } = finder;
    const isEmpty = start === end;
    if (!isEmpty || end !== previousEnd) {
      visit(start, end);
      previousEnd = end;
    }
    from = isEmpty ? end + unitCount(text.codePointAt(end) ?? 0) : end;
  }
}
