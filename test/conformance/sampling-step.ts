import { greedySampling, type SamplingParameters, type SamplingStep } from "../../src/device/sampling.ts";

/** One row's parameters, and what it has seen. */
export interface SamplingRow extends Partial<SamplingParameters> {
  readonly promptIds?: readonly number[];
  readonly outputIds?: readonly number[];
  /** Absent: all. */
  readonly allowedIds?: readonly number[];
}

/** The arrays of a step for these rows; what a row leaves out is off, and its temperature 1. */
export function samplingStep(rows: readonly SamplingRow[], vocabSize: number, topLogprobs = 0): SamplingStep {
  const full = rows.map((row) => ({ ...greedySampling, temperature: 1, ...row }));
  const counts = full.map(({ promptIds = [], outputIds = [] }) => {
    const ids = [...new Set([...promptIds, ...outputIds])];
    return ids.map((id) => [id, outputIds.filter((other) => other === id).length] as const);
  });
  const masked = rows.some(({ allowedIds }) => allowedIds !== undefined);
  return {
    temperature: Float32Array.from(full, (row) => row.temperature),
    topK: Int32Array.from(full, (row) => row.topK),
    topP: Float32Array.from(full, (row) => row.topP),
    minP: Float32Array.from(full, (row) => row.minP),
    typicalP: Float32Array.from(full, (row) => row.typicalP),
    repetitionPenalty: Float32Array.from(full, (row) => row.repetitionPenalty),
    presencePenalty: Float32Array.from(full, (row) => row.presencePenalty),
    frequencyPenalty: Float32Array.from(full, (row) => row.frequencyPenalty),
    seedLow: Uint32Array.from(full, (row) => row.seed % 2 ** 32),
    seedHigh: Uint32Array.from(full, (row) => Math.floor(row.seed / 2 ** 32)),
    biasStarts: starts(full.map(({ logitBias }) => logitBias.length)),
    biasIds: Int32Array.from(full.flatMap(({ logitBias }) => logitBias.map(([id]) => id))),
    biasValues: Float32Array.from(full.flatMap(({ logitBias }) => logitBias.map(([, bias]) => bias))),
    countStarts: starts(counts.map(({ length }) => length)),
    countIds: Int32Array.from(counts.flatMap((row) => row.map(([id]) => id))),
    outputCounts: Int32Array.from(counts.flatMap((row) => row.map(([, count]) => count))),
    ...(masked && { allowed: allowedBits(rows, vocabSize) }),
    topLogprobs,
  };
}

function starts(lengths: readonly number[]): Int32Array {
  let end = 0;
  return Int32Array.from([0, ...lengths], (length) => (end += length));
}

function allowedBits(rows: readonly SamplingRow[], vocabSize: number): Uint32Array {
  const stride = Math.ceil(vocabSize / 32);
  const bits = new Uint32Array(rows.length * stride);
  rows.forEach(({ allowedIds }, r) => {
    if (allowedIds === undefined) bits.fill(0xffffffff, r * stride, (r + 1) * stride);
    else for (const id of allowedIds) bits[r * stride + (id >>> 5)] |= 1 << (id & 31);
  });
  return bits;
}
