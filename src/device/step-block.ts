import type { SamplingStep } from "./sampling.ts";
import type { Step, StepResult } from "./step.ts";

/** Words of fb_step_header in native/cpu/fewbit_cpu.h, and of StepField in native/cuda/params.h, before the page tables. */
const headerWords = 33;

/** Their fields, in their order. */
const fields = {
  tokens: 0,
  sequences: 1,
  outputs: 2,
  tokensAt: 3,
  positionsAt: 4,
  startsAt: 5,
  slotsAt: 6,
  variantsAt: 7,
  outputsAt: 8,
  sampling: 9,
  top: 10,
  temperatureAt: 11,
  topKAt: 12,
  topPAt: 13,
  minPAt: 14,
  typicalPAt: 15,
  repetitionAt: 16,
  presenceAt: 17,
  frequencyAt: 18,
  seedLowAt: 19,
  seedHighAt: 20,
  biasStartsAt: 21,
  biasIdsAt: 22,
  biasValuesAt: 23,
  countStartsAt: 24,
  countIdsAt: 25,
  outputCountsAt: 26,
  allowedAt: 27,
  samplesAt: 28,
  logprobsAt: 29,
  topIdsAt: 30,
  topLogprobsAt: 31,
  pageTablesAt: 32,
} as const;

const samplingArrays = [
  [fields.temperatureAt, "temperature"],
  [fields.topKAt, "topK"],
  [fields.topPAt, "topP"],
  [fields.minPAt, "minP"],
  [fields.typicalPAt, "typicalP"],
  [fields.repetitionAt, "repetitionPenalty"],
  [fields.presenceAt, "presencePenalty"],
  [fields.frequencyAt, "frequencyPenalty"],
  [fields.seedLowAt, "seedLow"],
  [fields.seedHighAt, "seedHigh"],
  [fields.biasStartsAt, "biasStarts"],
  [fields.biasIdsAt, "biasIds"],
  [fields.biasValuesAt, "biasValues"],
  [fields.countStartsAt, "countStarts"],
  [fields.countIdsAt, "countIds"],
  [fields.outputCountsAt, "outputCounts"],
  [fields.allowedAt, "allowed"],
] as const satisfies readonly (readonly [number, keyof SamplingStep])[];

/** A step as native code reads it: one piece of memory that is written anew for every step and grows when a step needs more. */
export class StepBlock {
  #words = new Int32Array(4096);
  #end = 0;

  /** Valid until the next `write`. */
  get words(): Int32Array {
    return this.#words;
  }

  /** Words that the step last written takes; its results are the last of them. */
  get length(): number {
    return this.#end;
  }

  /** Where the results begin; there are none: the end. */
  get resultsStart(): number {
    return this.#words[fields.sampling] === 1 ? this.#words[fields.samplesAt] : this.#end;
  }

  /** Copies a checked step into the block. */
  write(step: Step): void {
    this.#end = headerWords;
    this.#reserve(2 * step.pageTables.length);
    const tables = this.#end - 2 * step.pageTables.length;
    const header = new Int32Array(headerWords).fill(-1);
    header[fields.tokens] = step.tokens.length;
    header[fields.sequences] = step.slots.length;
    header[fields.outputs] = step.outputs.length;
    header[fields.tokensAt] = this.#put(step.tokens);
    header[fields.positionsAt] = this.#put(step.positions);
    header[fields.startsAt] = this.#put(step.sequenceStarts);
    header[fields.slotsAt] = this.#put(step.slots);
    header[fields.variantsAt] = this.#put(step.ropeVariants);
    header[fields.outputsAt] = this.#put(step.outputs);
    header[fields.pageTablesAt] = tables;
    step.pageTables.forEach(({ pages, stride }, kind) => {
      const at = this.#put(pages);
      this.#words.set([at, stride], tables + 2 * kind);
    });

    const { sampling } = step;
    header[fields.sampling] = sampling === undefined ? 0 : 1;
    header[fields.top] = sampling?.topLogprobs ?? 0;
    if (sampling !== undefined) {
      for (const [field, name] of samplingArrays) {
        const values = sampling[name];
        if (values !== undefined) header[field] = this.#put(values);
      }
      const rows = step.outputs.length;
      header[fields.samplesAt] = this.#reserve(rows);
      header[fields.logprobsAt] = this.#reserve(rows);
      header[fields.topIdsAt] = this.#reserve(rows * sampling.topLogprobs);
      header[fields.topLogprobsAt] = this.#reserve(rows * sampling.topLogprobs);
    }
    this.#words.set(header);
  }

  /** What was written into the block for the step last written; owned by the caller. */
  result(logits: Float32Array | undefined, hidden: Float32Array | undefined): StepResult {
    const words = this.#words;
    const rows = words[fields.sampling] === 1 ? words[fields.outputs] : 0;
    const top = rows * words[fields.top];
    const ints = (field: number, length: number) =>
      length === 0 ? new Int32Array(0) : words.slice(words[field], words[field] + length);
    const floats = (field: number, length: number) => new Float32Array(ints(field, length).buffer);
    return {
      samples: ints(fields.samplesAt, rows),
      logprobs: floats(fields.logprobsAt, rows),
      topIds: ints(fields.topIdsAt, top),
      topLogprobs: floats(fields.topLogprobsAt, top),
      ...(logits && { logits }),
      ...(hidden && { hidden }),
    };
  }

  #put(values: Int32Array | Uint32Array | Float32Array): number {
    const at = this.#reserve(values.length);
    this.#words.set(new Int32Array(values.buffer, values.byteOffset, values.length), at);
    return at;
  }

  #reserve(length: number): number {
    const at = this.#end;
    this.#end += length;
    if (this.#end > this.#words.length) {
      const grown = new Int32Array(2 * this.#end);
      grown.set(this.#words);
      this.#words = grown;
    }
    return at;
  }
}
