import type { Sequence } from "./sequence.ts";

/** What one step runs. */
export interface Batch {
  /** One for every sequence of the step. */
  readonly chunks: readonly Chunk[];
  readonly tokenCount: number;
  readonly outputCount: number;
}

/** Tokens [start, end) of one sequence; the rows from `firstOutput` on are outputs. Positions are indices of its tokens. */
export interface Chunk {
  readonly sequence: Sequence;
  readonly start: number;
  readonly end: number;
  /** `end`: no row is wanted. */
  readonly firstOutput: number;
  /** True: the last output's sample is the sequence's next token. */
  readonly samples: boolean;
}
