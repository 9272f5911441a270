import type { Executable } from "../device/backend.ts";
import type { PageKind } from "../device/program.ts";
import type { PageTable, StepResult } from "../device/step.ts";
import { PagePool } from "../kv-cache/page-pool.ts";
import { SequenceCache } from "../kv-cache/sequence-cache.ts";
import { throwIfAborted } from "../util/abort.ts";
import { RequestError } from "../util/errors.ts";

export interface StepDriverOptions {
  readonly pageKinds: readonly PageKind[];
  /** As Model.ropeSwitchLength. */
  readonly ropeSwitchLength?: number | undefined;
  /** Every call throws AbortedError, between two steps, once it has fired. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs given tokens through an executable, with no scheduler and no sampling in between: for evaluating and measuring, where
 * the caller decides what every step holds. Sequences are numbered from 0 to limits.maxSequences - 1; call `begin` first.
 * One call at a time. Borrows the executable.
 */
export class StepDriver {
  readonly #executable: Executable;
  readonly #options: StepDriverOptions;
  readonly #sequences: readonly DrivenSequence[];

  constructor(executable: Executable, options: StepDriverOptions) {
    const { maxSequences, pageCounts, pageSize } = executable.limits;
    this.#executable = executable;
    this.#options = options;
    const pool = new PagePool(pageCounts);
    this.#sequences = Array.from({ length: maxSequences }, () => ({
      cache: new SequenceCache(pool, options.pageKinds, pageSize),
      computed: 0,
      ropeVariant: 0,
    }));
  }

  /** Starts a sequence anew, of `length` positions in the end: what it held is forgotten. */
  begin(sequence: number, length: number): void {
    const { ropeSwitchLength = Infinity } = this.#options;
    const state = this.#sequences[sequence];
    state.cache.release();
    state.computed = 0;
    state.ropeVariant = length > ropeSwitchLength ? 1 : 0;
  }

  /**
   * Goes back to the first `positions` positions of a sequence. False, with nothing changed, where a window's pages are gone:
   * the sequence must then begin anew.
   */
  rewind(sequence: number, positions: number): boolean {
    const state = this.#sequences[sequence];
    if (!state.cache.rollBack(positions)) return false;
    state.computed = Math.min(state.computed, positions);
    return true;
  }

  /** Computes tokens behind what the sequence holds, and the logits of the last of them, which stay on the device. */
  async prefill(sequence: number, ids: Int32Array): Promise<void> {
    const { maxTokens } = this.#executable.limits;
    for (let start = 0; start < ids.length; start += maxTokens) {
      const tokens = ids.subarray(start, start + maxTokens);
      const isLast = start + maxTokens >= ids.length;
      await this.#step([{ sequence, tokens }], isLast ? Int32Array.of(tokens.length - 1) : new Int32Array(0), false);
    }
  }

  /**
   * Computes one token of each of the sequences 0, 1, … for every element, and its logits, which stay on the device. As the engine
   * does, it hands over the next step while one runs where the executable takes it.
   */
  async decode(steps: Iterable<Int32Array>): Promise<void> {
    let running: Promise<unknown> = Promise.resolve();
    for (const ids of steps) {
      const parts = Array.from(ids, (_, sequence) => ({ sequence, tokens: ids.subarray(sequence, sequence + 1) }));
      if (this.#executable.runsAhead !== true) await running;
      const next = this.#step(parts, Int32Array.from(ids.keys()), false);
      next.catch(() => undefined); // looked at when it is its turn
      await running;
      running = next;
    }
    await running;
  }

  /** Computes tokens as `prefill`, and gives the logits of all: some rows [rows][vocabSize] at a time, in order. */
  async *logits(sequence: number, ids: Int32Array): AsyncGenerator<Float32Array> {
    const { maxTokens, maxOutputs } = this.#executable.limits;
    const rows = Math.min(maxTokens, maxOutputs);
    for (let start = 0; start < ids.length; start += rows) {
      const tokens = ids.subarray(start, start + rows);
      const { logits } = await this.#step([{ sequence, tokens }], Int32Array.from(tokens.keys()), true);
      if (logits === undefined) throw new Error("the device gave no logits for a step that wants them");
      yield logits;
    }
  }

  /** Throws RequestError where the pages do not suffice. */
  async #step(parts: readonly StepPart[], outputs: Int32Array, wantsLogits: boolean): Promise<StepResult> {
    throwIfAborted(this.#options.signal, "running the model");
    const starts = new Int32Array(parts.length + 1);
    parts.forEach(({ tokens }, i) => (starts[i + 1] = starts[i] + tokens.length));
    const tokens = new Int32Array(starts[parts.length]);
    const positions = new Int32Array(tokens.length);
    const states = parts.map(({ sequence }) => this.#sequences[sequence]);
    parts.forEach((part, i) => {
      const { cache, computed } = states[i];
      tokens.set(part.tokens, starts[i]);
      for (let t = 0; t < part.tokens.length; t++) positions[starts[i] + t] = computed + t;
      cache.slide();
      if (!cache.grow(computed + part.tokens.length))
        throw new RequestError(`sequence ${part.sequence} needs pages for ${computed + part.tokens.length} positions`);
    });
    const result = this.#executable.step({
      tokens,
      positions,
      sequenceStarts: starts,
      slots: Int32Array.from(parts, ({ sequence }) => sequence),
      ropeVariants: Int32Array.from(states, ({ ropeVariant }) => ropeVariant),
      pageTables: this.#options.pageKinds.map((_, kind) => pageTable(states, kind)),
      outputs,
      wantsLogits,
    });
    // A step that is handed over before this one has ended comes behind its tokens.
    states.forEach((state, i) => (state.computed += parts[i].tokens.length));
    return await result;
  }
}

interface DrivenSequence {
  readonly cache: SequenceCache;
  /** Positions in the cache. */
  computed: number;
  ropeVariant: number;
}

interface StepPart {
  readonly sequence: number;
  readonly tokens: Int32Array;
}

function pageTable(sequences: readonly DrivenSequence[], kind: number): PageTable {
  const stride = Math.max(...sequences.map(({ cache }) => cache.tableLength));
  const pages = new Int32Array(sequences.length * stride).fill(-1);
  sequences.forEach(({ cache }, i) => pages.set(cache.table(kind), i * stride));
  return { pages, stride };
}
