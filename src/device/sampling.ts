/**
 * How one token is drawn. The order: bias, penalties, temperature, top-k, top-p, min-p, typical-p; bias and penalties in
 * f32, one rounding for each operation. What is left is drawn by inverting its cumulative distribution, over ids in ascending order, at
 * the number that random.ts has for the seed and the position of the drawn token.
 */
export interface SamplingParameters {
  /** 0: the likeliest token (the lowest id among equals); nothing below but bias and penalties matters then. */
  readonly temperature: number;
  /** 0: off. Tokens equal to the k-th stay. */
  readonly topK: number;
  /** 1: off. The smallest set of likeliest tokens whose probabilities reach it. */
  readonly topP: number;
  /** 0: off. Tokens at least this fraction as likely as the likeliest. */
  readonly minP: number;
  /** 1: off. Tokens of nearly the expected surprise, until their probabilities reach it. */
  readonly typicalP: number;
  /** 1: off. Over prompt and output: positive logits are divided, negative ones multiplied. */
  readonly repetitionPenalty: number;
  /** 0: off. Taken once from every token already in the output. */
  readonly presencePenalty: number;
  /** 0: off. Taken for each time that a token is already in the output. */
  readonly frequencyPenalty: number;
  /** Random numbers are a function of seed and position alone; a safe integer. */
  readonly seed: number;
  /** Added to logits, by token id. */
  readonly logitBias: readonly (readonly [id: number, bias: number])[];
}

export const greedySampling: SamplingParameters = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  typicalP: 1,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  seed: 0,
  logitBias: [],
};

/** The parameters of all R outputs of a step, as arrays that a device reads. Arrays of [R] unless said otherwise. */
export interface SamplingStep {
  readonly temperature: Float32Array;
  readonly topK: Int32Array;
  readonly topP: Float32Array;
  readonly minP: Float32Array;
  readonly typicalP: Float32Array;
  readonly repetitionPenalty: Float32Array;
  readonly presencePenalty: Float32Array;
  readonly frequencyPenalty: Float32Array;
  readonly seedLow: Uint32Array;
  readonly seedHigh: Uint32Array;
  /** [R + 1] where each row's entries start in biasIds and biasValues. */
  readonly biasStarts: Int32Array;
  readonly biasIds: Int32Array;
  readonly biasValues: Float32Array;
  /** [R + 1] where each row's entries start in countIds and outputCounts. */
  readonly countStarts: Int32Array;
  /** Every distinct id of prompt and output, for rows that have a penalty. */
  readonly countIds: Int32Array;
  /** How often each of them is in the output; 0: in the prompt only. */
  readonly outputCounts: Int32Array;
  /** [R][ceil(vocabSize / 32)] one bit per id, 1: allowed; absent: all are. */
  readonly allowed?: Uint32Array;
  /** How many of the likeliest tokens to report for every output. */
  readonly topLogprobs: number;
}
