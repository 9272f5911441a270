import { uniformAt } from "../device/random.ts";
import type { StepDriver } from "../engine/step-driver.ts";

export interface RunBenchOptions {
  /** Tokens of the prompt. */
  readonly prompt: number;
  /** Tokens of the answer. */
  readonly generate: number;
  /** Positions filled before either. */
  readonly depth: number;
  /** Sequences that write at once. */
  readonly batch: number;
  readonly repetitions: number;
}

/** The two measurements. Each gives tokens per second, one figure a repetition; the first repetition warms up and is left out. */
export class RunBench {
  readonly #driver: StepDriver;
  readonly #vocabSize: number;
  readonly #options: RunBenchOptions;
  #drawn = 0;

  constructor(driver: StepDriver, vocabSize: number, options: RunBenchOptions) {
    this.#driver = driver;
    this.#vocabSize = vocabSize;
    this.#options = options;
  }

  /** One sequence reads the prompt. */
  async measurePrompt(onProgress: (done: number) => void): Promise<readonly number[]> {
    const { prompt } = this.#options;
    if (prompt === 0) return [];
    return this.#measure(prompt, 1, prompt, onProgress, () => this.#driver.prefill(0, this.#randomIds(prompt)));
  }

  /** All sequences write, one token each a step. */
  async measureGeneration(onProgress: (done: number) => void): Promise<readonly number[]> {
    const { generate, batch } = this.#options;
    if (generate === 0) return [];
    return this.#measure(generate, batch, generate * batch, onProgress, () =>
      this.#driver.decode(this.#randomSteps(generate, batch)),
    );
  }

  *#randomSteps(steps: number, batch: number): Iterable<Int32Array> {
    for (let i = 0; i < steps; i++) yield this.#randomIds(batch);
  }

  async #measure(
    length: number,
    sequences: number,
    tokens: number,
    onProgress: (done: number) => void,
    work: () => Promise<void>,
  ): Promise<readonly number[]> {
    const { depth, repetitions } = this.#options;
    const rates: number[] = [];
    for (let i = 0; i <= repetitions; i++) {
      onProgress(i);
      for (let sequence = 0; sequence < sequences; sequence++) await this.#fill(sequence, depth, length, i === 0);
      const start = performance.now();
      await work();
      if (i > 0) rates.push((1000 * tokens) / (performance.now() - start));
    }
    return rates;
  }

  /** Brings a sequence to `depth` positions: back to those it has, or, at first and where a window has moved on, anew. */
  async #fill(sequence: number, depth: number, length: number, isFirst: boolean): Promise<void> {
    if (!isFirst && this.#driver.rewind(sequence, depth)) return;
    this.#driver.begin(sequence, depth + length);
    await this.#driver.prefill(sequence, this.#randomIds(depth));
  }

  /** The same in every run of the program. */
  #randomIds(count: number): Int32Array {
    return Int32Array.from({ length: count }, () => Math.floor(uniformAt(0, 0, this.#drawn++) * this.#vocabSize));
  }
}
