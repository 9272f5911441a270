import type { Sequence } from "./sequence.ts";

/** What one step runs. */
export interface Batch {
  /** One for every sequence of the step, each once. */
  readonly chunks: readonly Chunk[];
  readonly tokenCount: number;
}

/** Tokens [start, end) of one sequence. Positions are indices of its tokens. */
export interface Chunk {
  readonly sequence: Sequence;
  readonly start: number;
  readonly end: number;
  /** True: the last token is the last that is known; its row is an output, and the sample the sequence's next token. */
  readonly samples: boolean;
  /** How many of its last rows are outputs: the sampled one, or those that are pooled. */
  readonly outputs: number;
}
