import type { SamplingStep } from "./sampling.ts";

/**
 * What one run of a program works on: plain typed arrays, no pointers. T tokens of S sequences, R outputs.
 *
 * The tokens of a sequence are adjacent and their positions consecutive. The cache must hold all positions before the first of them.
 * There is at least one token, and one in every sequence; no two sequences have a slot in common, or a page that is written
 * (check-step.ts checks all that can be seen from a step alone).
 */
export interface Step {
  /** [T] ids; a negative value ~slot stands for the last sample of that slot, which need never leave the device. */
  readonly tokens: Int32Array;
  /** [T]. */
  readonly positions: Int32Array;
  /** [S + 1] index of each sequence's first token, then T. */
  readonly sequenceStarts: Int32Array;
  /** [S] where a sequence's last sample is remembered; below the limit `maxSequences`. */
  readonly slots: Int32Array;
  /** [S] variant of every RopeSpec that has more than one; 0 where none has. */
  readonly ropeVariants: Int32Array;
  /** One for every page kind of the program. */
  readonly pageTables: readonly PageTable[];
  /** [R] rows of the step whose logits are wanted, ascending. */
  readonly outputs: Int32Array;
  /** Absent: the sample op does nothing. */
  readonly sampling?: SamplingStep;
  /** True: the result carries what the sample op reads, the logits of every output. */
  readonly wantsLogits?: boolean;
  /** True: the result carries the hidden states of every output. Logits are computed for samples or `wantsLogits` only. */
  readonly wantsHidden?: boolean;
}

export interface PageTable {
  /** [S][stride] page of each run of pageSize positions; -1 where there is none (never read: outside the window or not reached). */
  readonly pages: Int32Array;
  readonly stride: number;
}

export interface StepResult {
  /**
   * [R] sampled ids; empty without sampling. -1 where nothing can be drawn: a logit is NaN or +infinity, or no token is left. All that
   * is reported beside a -1 is NaN or -1; its slot remembers token 0, so that a step running ahead stays in range.
   */
  readonly samples: Int32Array;
  /** [R] natural log of each sample's probability before bias, penalties, temperature and filters; empty without sampling. */
  readonly logprobs: Float32Array;
  /** [R][topLogprobs] the likeliest ids and their log-probabilities, best first; empty unless asked for. */
  readonly topIds: Int32Array;
  readonly topLogprobs: Float32Array;
  /** [R][vocabSize], owned by the receiver; absent unless asked for. */
  readonly logits?: Float32Array;
  /** [R][width of Program.hidden], owned by the receiver; absent unless asked for. */
  readonly hidden?: Float32Array;
}

/** The largest step that an executable takes, and the caches it holds. Everything is allocated once, for these. */
export interface StepLimits {
  readonly maxTokens: number;
  readonly maxSequences: number;
  readonly maxOutputs: number;
  /** Positions in a page. */
  readonly pageSize: number;
  /** Pages of each page kind. */
  readonly pageCounts: readonly number[];
}
