import type { StepBudget } from "../../../util/step-budget.ts";

/** Parts of a text, in order; none is empty. */
export interface Pieces {
  readonly texts: readonly string[];
  /** Whether the first one begins where the whole text does, before the first character. */
  readonly beginsText: boolean;
}

export type PreTokenize = (pieces: Pieces, budget: StepBudget) => Pieces;
