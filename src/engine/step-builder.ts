import type { PageTable, Step, StepLimits } from "../device/step.ts";
import type { Batch, Chunk } from "./batch.ts";
import { SamplingRows } from "./sampling-rows.ts";

/** Turns batches into the arrays that a device reads. The arrays are reused: a step is valid until the next `build`. */
export class StepBuilder {
  readonly #tokens: Int32Array;
  readonly #positions: Int32Array;
  readonly #sequenceStarts: Int32Array;
  readonly #slots: Int32Array;
  readonly #ropeVariants: Int32Array;
  readonly #outputs: Int32Array;
  readonly #pages: Int32Array[];
  readonly #rows: SamplingRows;

  constructor({ maxTokens, maxSequences, maxOutputs, pageCounts }: StepLimits, vocabSize: number) {
    this.#tokens = new Int32Array(maxTokens);
    this.#positions = new Int32Array(maxTokens);
    this.#sequenceStarts = new Int32Array(maxSequences + 1);
    this.#slots = new Int32Array(maxSequences);
    this.#ropeVariants = new Int32Array(maxSequences);
    this.#outputs = new Int32Array(maxOutputs);
    this.#pages = pageCounts.map(() => new Int32Array(0));
    this.#rows = new SamplingRows(maxOutputs, vocabSize);
  }

  build({ chunks, tokenCount }: Batch): Step {
    let token = 0;
    let output = 0;
    this.#rows.clear();
    for (let s = 0; s < chunks.length; s++) {
      const { sequence, start, end, outputs } = chunks[s];
      this.#sequenceStarts[s] = token;
      this.#slots[s] = sequence.slot;
      this.#ropeVariants[s] = sequence.ropeVariant;
      for (let position = start; position < end; position++, token++) {
        // The one behind those that are known is being sampled by the step before this one.
        this.#tokens[token] = position < sequence.tokens.length ? sequence.tokens[position] : ~sequence.slot;
        this.#positions[token] = position;
      }
      for (let row = token - outputs; row < token; row++) {
        this.#outputs[output++] = row;
        this.#rows.push(sequence);
      }
    }
    this.#sequenceStarts[chunks.length] = token;
    const step: Step = {
      tokens: this.#tokens.subarray(0, tokenCount),
      positions: this.#positions.subarray(0, tokenCount),
      sequenceStarts: this.#sequenceStarts.subarray(0, chunks.length + 1),
      slots: this.#slots.subarray(0, chunks.length),
      ropeVariants: this.#ropeVariants.subarray(0, chunks.length),
      pageTables: this.#pages.map((_, kind) => this.#pageTable(kind, chunks)),
      outputs: this.#outputs.subarray(0, output),
    };
    return {
      ...step,
      ...(chunks.some(({ samples }) => samples) && { sampling: this.#rows.view() }),
      ...(chunks.some(({ sequence }) => sequence.request.pooling !== undefined) && { wantsHidden: true }),
    };
  }

  #pageTable(kind: number, chunks: readonly Chunk[]): PageTable {
    const stride = chunks.reduce((most, { sequence }) => Math.max(most, sequence.cache.tableLength), 0);
    const length = chunks.length * stride;
    if (this.#pages[kind].length < length) this.#pages[kind] = new Int32Array(2 * length);
    const pages = this.#pages[kind].subarray(0, length).fill(-1);
    for (let s = 0; s < chunks.length; s++) pages.set(chunks[s].sequence.cache.table(kind), s * stride);
    return { pages, stride };
  }
}
