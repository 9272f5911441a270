import type { StepBudget } from "../../../util/step-budget.ts";

export interface PieceEncoder {
  /** Appends the ids of a piece, which is not empty. Throws FormatError for text that the vocabulary cannot write. */
  encode(piece: string, ids: number[], budget: StepBudget): void;
}
