import type { StepBudget } from "../../../util/step-budget.ts";
import { forEachMatch, type Finder } from "../pattern.ts";
import type { PreTokenize } from "./pieces.ts";

/**
 * What becomes of matches: they go, are pieces, belong to the text before or behind them, or runs of them are pieces. Where texts meet
 * that are no match they are never joined, but by "Contiguous".
 */
export type SplitBehavior = (typeof splitBehaviors)[number];

export const splitBehaviors = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"] as const;

export function createSplit(finder: Finder, behavior: SplitBehavior, invert = false): PreTokenize {
  return ({ texts, beginsText }, budget) => {
    const splitter = new Splitter(behavior);
    for (const text of texts) {
      forEachSpan(finder, text, budget, (start, end, isMatch) => splitter.add(text, start, end, isMatch !== invert));
      splitter.finish(text);
    }
    return { texts: splitter.pieces, beginsText: beginsText && !splitter.hasDroppedBeginning };
  };
}

/** Visits matches and what lies between them: all of the text, in order. */
function forEachSpan(
  finder: Finder,
  text: string,
  budget: StepBudget,
  visit: (start: number, end: number, isMatch: boolean) => void,
): void {
  let done = 0;
  forEachMatch(finder, text, budget, (start, end) => {
    if (start > done) visit(done, start, false);
    visit(start, end, true);
    done = end;
  });
  if (done < text.length) visit(done, text.length, false);
}

/** Puts spans together to pieces. A span waits until the next one shows whether it belongs to it. */
class Splitter {
  readonly pieces: string[] = [];
  hasDroppedBeginning = false;
  readonly #behavior: SplitBehavior;
  #start = 0;
  #end = 0;
  #isWaiting = false;
  #wasMatch = false;

  constructor(behavior: SplitBehavior) {
    this.#behavior = behavior;
  }

  add(text: string, start: number, end: number, isMatch: boolean): void {
    const isJoined = this.#isWaiting && this.#joins(isMatch);
    if (!isJoined) {
      this.#flush(text);
      this.#start = start;
    }
    this.#end = end;
    this.#isWaiting = true;
    this.#wasMatch = isMatch;
  }

  /** After the last span of a text. */
  finish(text: string): void {
    this.#flush(text);
    this.#wasMatch = false;
  }

  #joins(isMatch: boolean): boolean {
    switch (this.#behavior) {
      case "Removed":
      case "Isolated":
        return false;
      case "MergedWithPrevious":
        return isMatch && !this.#wasMatch;
      case "MergedWithNext":
        return !isMatch && this.#wasMatch;
      case "Contiguous":
        return isMatch === this.#wasMatch;
    }
  }

  #flush(text: string): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    if (this.#start === this.#end) return;
    if (this.#behavior === "Removed" && this.#wasMatch) this.hasDroppedBeginning ||= this.pieces.length === 0;
    else this.pieces.push(text.slice(this.#start, this.#end));
  }
}
