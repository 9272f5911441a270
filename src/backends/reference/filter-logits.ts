import type { SamplingStep } from "../../device/sampling.ts";

/** What a token is drawn from. */
export interface Distribution {
  /** Ids that passed all filters, ascending. */
  readonly ids: Int32Array;
  /** Theirs, in the same order; they sum to 1. */
  readonly probabilities: Float64Array;
}

/**
 * Row r's logits after bias, allowed-token mask and penalties, in f32: each of these is one rounded operation, as on the devices, so that
 * all agree which tokens tie.
 */
export function adjustLogits(logits: Float32Array, sampling: SamplingStep, r: number): Float32Array {
  const adjusted = logits.slice();
  const { biasStarts, biasIds, biasValues, allowed } = sampling;
  for (let i = biasStarts[r]; i < biasStarts[r + 1]; i++) adjusted[biasIds[i]] += biasValues[i];
  if (allowed !== undefined) {
    const start = r * Math.ceil(logits.length / 32);
    for (let id = 0; id < logits.length; id++)
      if (((allowed[start + (id >>> 5)] >>> (id & 31)) & 1) === 0) adjusted[id] = -Infinity;
  }

  const { countStarts, countIds, outputCounts } = sampling;
  const repetition = sampling.repetitionPenalty[r];
  const presence = sampling.presencePenalty[r];
  const frequency = sampling.frequencyPenalty[r];
  for (let i = countStarts[r]; i < countStarts[r + 1]; i++) {
    const id = countIds[i];
    const logit = adjusted[id];
    adjusted[id] = logit > 0 ? logit / repetition : logit * repetition;
    if (outputCounts[i] > 0) adjusted[id] -= Math.fround(presence + Math.fround(frequency * outputCounts[i]));
  }
  return adjusted;
}

/**
 * The distribution that row r's token is drawn from: temperature, top-k, top-p, min-p and typical-p over adjusted logits, whose largest
 * must be finite. With temperature 0 it is the likeliest token alone. Each filter sees probabilities of what passed the one before.
 */
export function filterLogits(adjusted: Float32Array, sampling: SamplingStep, r: number): Distribution {
  let ids = sortedIds(adjusted);
  const temperature = sampling.temperature[r];
  if (temperature === 0) return { ids: ids.subarray(0, 1), probabilities: Float64Array.of(1) };

  const largest = adjusted[ids[0]];
  /** Log-probability, but for a constant: 0 for the likeliest token, so that no temperature overflows. */
  const score = (id: number): number => (adjusted[id] - largest) / temperature;

  const topK = sampling.topK[r];
  if (topK > 0 && topK < ids.length) {
    const least = adjusted[ids[topK - 1]];
    ids = ids.filter((id) => adjusted[id] >= least);
  }
  const topP = sampling.topP[r];
  if (topP < 1) ids = ids.subarray(0, countToReach(topP, softmax(ids, score)));
  const minP = sampling.minP[r];
  if (minP > 0) ids = ids.filter((id) => Math.exp(score(id)) >= minP);
  const typicalP = sampling.typicalP[r];
  if (typicalP < 1) ids = typicalIds(ids, typicalP, score);

  ids = ids.slice().sort((a, b) => a - b);
  return { ids, probabilities: softmax(ids, score) };
}

/** Ids of finite logits, likeliest first, the lower id first among equals. */
function sortedIds(logits: Float32Array): Int32Array {
  const ids = Int32Array.from(logits, (_, id) => id).filter((id) => logits[id] > -Infinity);
  return ids.sort((a, b) => logits[b] - logits[a] || a - b);
}

/** The least count of first probabilities whose sum reaches `wanted`; one at least. */
function countToReach(wanted: number, probabilities: Float64Array): number {
  let sum = 0;
  const last = probabilities.findIndex((probability) => (sum += probability) >= wanted);
  return last < 0 ? probabilities.length : last + 1;
}

/** The ids whose surprise -log p is nearest to the expected one, until their probabilities reach `typicalP` (Meister et al., 2022). */
function typicalIds(ids: Int32Array, typicalP: number, score: (id: number) => number): Int32Array {
  const probabilities = softmax(ids, score);
  // Not -log of the probability, which may have underflowed to 0. The likeliest id, whose score is 0, has passed every filter.
  const logTotal = -Math.log(probabilities[0]);
  const surprises = Float64Array.from(ids, (id) => logTotal - score(id));
  const expected = surprises.reduce((sum, surprise, i) => sum + probabilities[i] * surprise, 0);
  const order = Int32Array.from(ids, (_, i) => i).sort(
    (a, b) => Math.abs(surprises[a] - expected) - Math.abs(surprises[b] - expected) || a - b,
  );
  const count = countToReach(
    typicalP,
    Float64Array.from(order, (i) => probabilities[i]),
  );
  return order.subarray(0, count).map((i) => ids[i]);
}

function softmax(ids: Int32Array, score: (id: number) => number): Float64Array {
  const weights = Float64Array.from(ids, (id) => Math.exp(score(id)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}
