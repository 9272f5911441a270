import type { Program, View } from "../../device/program.ts";
import type { Step, StepResult } from "../../device/step.ts";
import type { PagedCache } from "./paged-cache.ts";
import type { Rounding } from "./rounding.ts";

/** A weight [outFeatures][inFeatures] as f32. */
export interface Matrix {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly values: Float32Array;
}

/** What an executable holds between steps. */
export interface Memory {
  readonly program: Program;
  readonly weights: readonly Matrix[];
  readonly vectors: readonly Float32Array[];
  /** One for every buffer: [tokens or outputs of the largest step][width]. */
  readonly buffers: readonly Float32Array[];
  readonly caches: readonly PagedCache[];
  /** [maxSequences] by slot. */
  readonly lastSamples: Int32Array;
  readonly rounding: Rounding;
}

/**
 * One step on its way through the program. Every op of this backend is a function of one row: what it computes cannot depend on how many
 * rows there are. All arithmetic is f64, rounded to f32 where a result is stored: that is JavaScript's own arithmetic, and it keeps the
 * oracle's own error far below what it is to judge.
 */
export class RunningStep {
  readonly memory: Memory;
  readonly step: Step;
  readonly result: StepResult;
  /** [T] the sequence of every token. */
  readonly sequences: Int32Array;

  constructor(memory: Memory, step: Step, result: StepResult) {
    this.memory = memory;
    this.step = step;
    this.result = result;
    this.sequences = new Int32Array(step.tokens.length);
    for (let s = 0; s < step.slots.length; s++)
      this.sequences.fill(s, step.sequenceStarts[s], step.sequenceStarts[s + 1]);
  }

  /** The columns of a view in one row; shares memory with the buffer. */
  row(view: View, row: number): Float32Array {
    const start = row * this.memory.program.buffers[view.buffer].width + view.offset;
    return this.memory.buffers[view.buffer].subarray(start, start + view.width);
  }
}
