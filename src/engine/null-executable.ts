import type { Executable } from "../device/backend.ts";
import { checkStep } from "../device/check-step.ts";
import type { PageKind, Program } from "../device/program.ts";
import type { SamplingStep } from "../device/sampling.ts";
import type { Step, StepLimits, StepResult } from "../device/step.ts";

export interface NullExecutableOptions {
  readonly limits: StepLimits;
  readonly pageKinds: readonly PageKind[];
  readonly vocabSize: number;
  /** Runs before every step, in its place in time: where tests look, wait, or throw. */
  readonly beforeStep?: (step: Step) => void | Promise<void>;
  /** As Executable.runsAhead: a second step waits its turn. Default false. */
  readonly runsAhead?: boolean;
}

/**
 * A model without arithmetic, for tests of the engine. What it keeps in its pages for a token is a hash of the token, its position, its
 * rope variant and all that its page tables let it see before it, as a real model's keys and values depend on all of that; the next token
 * is drawn from the same hash. So a wrong page, a page with two owners, a token left out or computed with the wrong variant changes what
 * comes out.
 */
export class NullExecutable implements Executable {
  readonly limits: StepLimits;
  readonly byteLength = 0;
  readonly #program: Program;
  readonly #beforeStep: (step: Step) => void | Promise<void>;
  /** By page kind: [page][pageSize] hashes. */
  readonly #memory: readonly Int32Array[];
  readonly runsAhead: boolean;
  /** [maxSequences] the last sample of each slot. */
  readonly #lastSamples: Int32Array;
  #pending = 0;
  #previous: Promise<unknown> = Promise.resolve();

  constructor({
    limits,
    pageKinds,
    vocabSize,
    beforeStep = () => undefined,
    runsAhead = false,
  }: NullExecutableOptions) {
    this.limits = limits;
    this.runsAhead = runsAhead;
    this.#lastSamples = new Int32Array(limits.maxSequences);
    this.#beforeStep = beforeStep;
    this.#memory = limits.pageCounts.map((count) => new Int32Array(count * limits.pageSize));
    const variant = { inverseFrequencies: Float32Array.of(1), scale: 1 };
    this.#program = {
      buffers: [{ name: "logits", rows: "outputs", width: vocabSize }],
      weights: [],
      vectors: [],
      ropes: [{ rotaryDim: 2, variants: [variant, variant] }],
      pageKinds,
      caches: [],
      ops: [{ op: "sample", logits: { buffer: 0, offset: 0, width: vocabSize } }],
      vocabSize,
    };
  }

  async step(step: Step): Promise<StepResult> {
    if (this.#pending > Number(this.runsAhead)) throw new Error("a step was started while another one runs");
    this.#pending++;
    const result = this.#previous.then(async () => {
      await this.#beforeStep(step);
      checkStep(this.#program, this.limits, step);
      return this.#run(step);
    });
    this.#previous = result.catch(() => undefined);
    try {
      return await result;
    } finally {
      this.#pending--;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  #run(step: Step): StepResult {
    const { vocabSize } = this.#program;
    const rows = step.outputs.length;
    const logits = new Float32Array(rows * vocabSize);
    const positions = new Int32Array(rows);
    let row = 0;
    for (let s = 0; s < step.slots.length; s++)
      for (let t = step.sequenceStarts[s]; t < step.sequenceStarts[s + 1]; t++) {
        const state = this.#compute(step, s, t);
        if (step.outputs[row] !== t) continue;
        for (let id = 0; id < vocabSize; id++) logits[row * vocabSize + id] = uniform(mix(state, id));
        positions[row++] = step.positions[t];
      }
    const result = step.sampling === undefined ? noSamples : sample(step.sampling, logits, positions, vocabSize);
    for (let s = 0, r = 0; s < step.slots.length; s++)
      for (; r < result.samples.length && step.outputs[r] < step.sequenceStarts[s + 1]; r++)
        this.#lastSamples[step.slots[s]] = result.samples[r];
    return step.wantsLogits ? { ...result, logits } : result;
  }

  /** Writes token t of the step, of sequence s, into the pages of every kind; returns a hash of all that it saw. */
  #compute({ tokens, positions, pageTables, ropeVariants }: Step, s: number, t: number): number {
    const { pageSize } = this.limits;
    const position = positions[t];
    const token = tokens[t] < 0 ? this.#lastSamples[~tokens[t]] : tokens[t];
    let state = 0;
    for (let kind = 0; kind < pageTables.length; kind++) {
      const { pages, stride } = pageTables[kind];
      const memory = this.#memory[kind];
      const slotOf = (p: number) => pages[s * stride + Math.floor(p / pageSize)] * pageSize + (p % pageSize);
      const first = Math.max(0, position - (this.#program.pageKinds[kind].window ?? Infinity) + 1);
      let hash = mix(mix(token, position), ropeVariants[s]);
      for (let p = first; p < position; p++) hash = mix(hash, memory[slotOf(p)]);
      memory[slotOf(position)] = hash;
      state = mix(state, hash);
    }
    return state;
  }
}

const noSamples: StepResult = {
  samples: new Int32Array(0),
  logprobs: new Float32Array(0),
  topIds: new Int32Array(0),
  topLogprobs: new Float32Array(0),
};

/** Reads every sampling array whose effect a test may look for; filters (top-k and so on) are the real devices' affair. */
function sample(sampling: SamplingStep, logits: Float32Array, positions: Int32Array, vocabSize: number): StepResult {
  const rows = positions.length;
  const samples = new Int32Array(rows);
  const logprobs = new Float32Array(rows);
  const topIds = new Int32Array(rows * sampling.topLogprobs);
  const topLogprobs = new Float32Array(rows * sampling.topLogprobs);
  for (let r = 0; r < rows; r++) {
    const raw = logits.subarray(r * vocabSize, (r + 1) * vocabSize);
    const normalizer = Math.log(raw.reduce((sum, logit) => sum + Math.exp(logit), 0));
    const scores = raw.slice();
    for (let i = sampling.biasStarts[r]; i < sampling.biasStarts[r + 1]; i++)
      scores[sampling.biasIds[i]] += sampling.biasValues[i];
    for (let i = sampling.countStarts[r]; i < sampling.countStarts[r + 1]; i++) {
      const id = sampling.countIds[i];
      const count = sampling.outputCounts[i];
      scores[id] /= sampling.repetitionPenalty[r];
      scores[id] -= sampling.frequencyPenalty[r] * count + (count > 0 ? sampling.presencePenalty[r] : 0);
    }
    if (sampling.allowed !== undefined) {
      const row = sampling.allowed.subarray(r * Math.ceil(vocabSize / 32));
      for (let id = 0; id < vocabSize; id++) if (((row[id >> 5] >>> (id & 31)) & 1) === 0) scores[id] = -Infinity;
    }
    const noise = mix(mix(sampling.seedLow[r], sampling.seedHigh[r]), positions[r]);
    for (let id = 0; id < vocabSize; id++) scores[id] += sampling.temperature[r] * uniform(mix(noise, id));
    samples[r] = scores.reduce((best, score, id) => (score > scores[best] ? id : best), 0);
    logprobs[r] = raw[samples[r]] - normalizer;
    const likeliest = Array.from(raw.keys()).sort((a, b) => raw[b] - raw[a]);
    for (let i = 0; i < sampling.topLogprobs; i++) {
      topIds[r * sampling.topLogprobs + i] = likeliest[i];
      topLogprobs[r * sampling.topLogprobs + i] = raw[likeliest[i]] - normalizer;
    }
  }
  return { samples, logprobs, topIds, topLogprobs };
}

/** The finalizer of MurmurHash3 (Appleby, public domain) over a sum that depends on the order of its terms. */
function mix(hash: number, value: number): number {
  let h = (Math.imul(hash, 31) + value + 0x9e3779b9) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** [0, 1), with the 24 bits that an f32 keeps. */
function uniform(hash: number): number {
  return (hash >>> 8) / 2 ** 24;
}
