import type { StepBudget } from "../../util/step-budget.ts";
import type { PieceEncoder } from "./models/piece-encoder.ts";

/** Two generations of so many pieces, each no longer than this, take some 6 MB at most. */
const generationSize = 2 ** 14;
const longestPiece = 48;

/** Keeps what pieces were encoded to: most text is made of few words. The oldest half is forgotten when it is full. */
export class PieceCache implements PieceEncoder {
  readonly #encoder: PieceEncoder;
  #young = new Map<string, readonly number[]>();
  #old = new Map<string, readonly number[]>();

  constructor(encoder: PieceEncoder) {
    this.#encoder = encoder;
  }

  encode(piece: string, ids: number[], budget: StepBudget): void {
    if (piece.length > longestPiece) {
      this.#encoder.encode(piece, ids, budget);
      return;
    }
    const known = this.#young.get(piece) ?? this.#add(piece, budget);
    for (const id of known) ids.push(id);
  }

  #add(piece: string, budget: StepBudget): readonly number[] {
    let ids = this.#old.get(piece);
    if (ids === undefined) {
      const encoded: number[] = [];
      this.#encoder.encode(piece, encoded, budget);
      ids = encoded;
    }
    if (this.#young.size === generationSize) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(piece, ids);
    return ids;
  }
}
