import type { SamplingParameters, SamplingStep } from "../device/sampling.ts";
import type { Sequence } from "./sequence.ts";
import type { TokenCounts } from "./token-counts.ts";

/** The sampling arrays of one step, filled row by row. */
export class SamplingRows {
  readonly #temperature: Float32Array;
  readonly #topK: Int32Array;
  readonly #topP: Float32Array;
  readonly #minP: Float32Array;
  readonly #typicalP: Float32Array;
  readonly #repetitionPenalty: Float32Array;
  readonly #presencePenalty: Float32Array;
  readonly #frequencyPenalty: Float32Array;
  readonly #seedLow: Uint32Array;
  readonly #seedHigh: Uint32Array;
  readonly #biasStarts: Int32Array;
  #biasIds = new Int32Array(16);
  #biasValues = new Float32Array(16);
  readonly #countStarts: Int32Array;
  #countIds = new Int32Array(16);
  #outputCounts = new Int32Array(16);
  readonly #vocabWords: number;
  /** Empty until a grammar needs it. */
  #allowed = new Uint32Array(0);
  #hasGrammar = false;
  #length = 0;
  #topLogprobs = 0;

  constructor(maxOutputs: number, vocabSize: number) {
    this.#vocabWords = Math.ceil(vocabSize / 32);
    this.#temperature = new Float32Array(maxOutputs);
    this.#topK = new Int32Array(maxOutputs);
    this.#topP = new Float32Array(maxOutputs);
    this.#minP = new Float32Array(maxOutputs);
    this.#typicalP = new Float32Array(maxOutputs);
    this.#repetitionPenalty = new Float32Array(maxOutputs);
    this.#presencePenalty = new Float32Array(maxOutputs);
    this.#frequencyPenalty = new Float32Array(maxOutputs);
    this.#seedLow = new Uint32Array(maxOutputs);
    this.#seedHigh = new Uint32Array(maxOutputs);
    this.#biasStarts = new Int32Array(maxOutputs + 1);
    this.#countStarts = new Int32Array(maxOutputs + 1);
  }

  clear(): void {
    this.#length = 0;
    this.#topLogprobs = 0;
    this.#hasGrammar = false;
  }

  push(sequence: Sequence): void {
    const row = this.#length++;
    const sampling = sequence.request.sampling;
    this.#temperature[row] = sampling.temperature;
    this.#topK[row] = sampling.topK;
    this.#topP[row] = sampling.topP;
    this.#minP[row] = sampling.minP;
    this.#typicalP[row] = sampling.typicalP;
    this.#repetitionPenalty[row] = sampling.repetitionPenalty;
    this.#presencePenalty[row] = sampling.presencePenalty;
    this.#frequencyPenalty[row] = sampling.frequencyPenalty;
    // The two halves of a 64-bit two's complement; assignment to u32 takes each modulo 2 ** 32.
    this.#seedLow[row] = sampling.seed;
    this.#seedHigh[row] = Math.floor(sampling.seed / 2 ** 32);
    this.#pushBias(row, biasOf(sequence));
    this.#pushCounts(row, sequence.counts);
    this.#pushAllowed(row, sequence);
    this.#topLogprobs = Math.max(this.#topLogprobs, sequence.request.topLogprobs ?? 0);
  }

  #pushBias(row: number, bias: SamplingParameters["logitBias"]): void {
    const start = this.#biasStarts[row];
    this.#biasStarts[row + 1] = start + bias.length;
    this.#biasIds = withRoom(this.#biasIds, start + bias.length, Int32Array);
    this.#biasValues = withRoom(this.#biasValues, start + bias.length, Float32Array);
    for (let i = 0; i < bias.length; i++) {
      this.#biasIds[start + i] = bias[i][0];
      this.#biasValues[start + i] = bias[i][1];
    }
  }

  /** Rows before the first with a grammar allow everything, as do those without one behind it. */
  #pushAllowed(row: number, sequence: Sequence): void {
    if (sequence.matcher === undefined && !this.#hasGrammar) return;
    const words = this.#vocabWords;
    if (this.#allowed.length === 0) this.#allowed = new Uint32Array(this.#temperature.length * words);
    if (!this.#hasGrammar) this.#allowed.fill(0xffff_ffff, 0, row * words);
    this.#hasGrammar = true;
    sequence.writeAllowed(this.#allowed.subarray(row * words, (row + 1) * words));
  }

  #pushCounts(row: number, counts: TokenCounts | undefined): void {
    const start = this.#countStarts[row];
    const size = counts?.size ?? 0;
    this.#countStarts[row + 1] = start + size;
    if (counts === undefined) return;
    this.#countIds = withRoom(this.#countIds, start + size, Int32Array);
    this.#outputCounts = withRoom(this.#outputCounts, start + size, Int32Array);
    this.#countIds.set(counts.ids, start);
    this.#outputCounts.set(counts.outputCounts, start);
  }

  view(): SamplingStep {
    const length = this.#length;
    return {
      temperature: this.#temperature.subarray(0, length),
      topK: this.#topK.subarray(0, length),
      topP: this.#topP.subarray(0, length),
      minP: this.#minP.subarray(0, length),
      typicalP: this.#typicalP.subarray(0, length),
      repetitionPenalty: this.#repetitionPenalty.subarray(0, length),
      presencePenalty: this.#presencePenalty.subarray(0, length),
      frequencyPenalty: this.#frequencyPenalty.subarray(0, length),
      seedLow: this.#seedLow.subarray(0, length),
      seedHigh: this.#seedHigh.subarray(0, length),
      biasStarts: this.#biasStarts.subarray(0, length + 1),
      biasIds: this.#biasIds.subarray(0, this.#biasStarts[length]),
      biasValues: this.#biasValues.subarray(0, this.#biasStarts[length]),
      countStarts: this.#countStarts.subarray(0, length + 1),
      countIds: this.#countIds.subarray(0, this.#countStarts[length]),
      outputCounts: this.#outputCounts.subarray(0, this.#countStarts[length]),
      ...(this.#hasGrammar && { allowed: this.#allowed.subarray(0, length * this.#vocabWords) }),
      topLogprobs: this.#topLogprobs,
    };
  }
}

/** Far below every logit, and finite as devices want it, also divided by a temperature. */
const never = -1e30;

/** Where it is too early for a stop id, these are as good as impossible. */
function biasOf({ request, outputLength }: Sequence): SamplingParameters["logitBias"] {
  const { minTokens = 0, stopIds, sampling } = request;
  if (outputLength >= minTokens) return sampling.logitBias;
  const banned = new Set(stopIds);
  return [...sampling.logitBias.filter(([id]) => !banned.has(id)), ...Array.from(banned, (id) => [id, never] as const)];
}

/** `array` itself, or a copy that holds at least `length` values. */
function withRoom<T extends Int32Array | Float32Array>(array: T, length: number, type: new (length: number) => T): T {
  if (array.length >= length) return array;
  const larger = new type(2 * length);
  larger.set(array);
  return larger;
}
