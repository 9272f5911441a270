import type { SampleOp } from "../../device/program.ts";
import { uniformAt } from "../../device/random.ts";
import { adjustLogits, filterLogits, type Distribution } from "./filter-logits.ts";
import type { RunningStep } from "./running-step.ts";

export function sample(running: RunningStep, op: SampleOp, r: number): void {
  const { sampling, outputs, positions, slots } = running.step;
  const logits = running.row(op.logits, r);
  running.result.logits?.set(logits, r * logits.length);
  if (sampling === undefined) return;
  const { samples, logprobs, topIds, topLogprobs } = running.result;
  const top = r * sampling.topLogprobs;

  const adjusted = adjustLogits(logits, sampling, r);
  let id = -1;
  if (isSound(logits) && isSound(adjusted)) {
    const position = positions[outputs[r]] + 1;
    const u = uniformAt(sampling.seedLow[r], sampling.seedHigh[r], position);
    id = draw(filterLogits(adjusted, sampling, r), u);
    const logTotal = logSumExp(logits);
    logprobs[r] = logits[id] - logTotal;
    likeliest(logits, sampling.topLogprobs).forEach((topId, i) => {
      topIds[top + i] = topId;
      topLogprobs[top + i] = logits[topId] - logTotal;
    });
  } else {
    logprobs[r] = NaN;
    topIds.fill(-1, top, top + sampling.topLogprobs);
    topLogprobs.fill(NaN, top, top + sampling.topLogprobs);
  }
  samples[r] = id;
  // A step that runs ahead may look it up before the host has seen the -1.
  running.memory.lastSamples[slots[running.sequences[outputs[r]]]] = Math.max(id, 0);
}

/** No NaN, and a finite largest logit: the softmax exists. */
function isSound(logits: Float32Array): boolean {
  let largest = -Infinity;
  for (const logit of logits) largest = Math.max(largest, logit); // NaN stays
  return Number.isFinite(largest);
}

/** Inverts the cumulative distribution over ascending ids: the first id whose cumulative probability exceeds u. */
function draw({ ids, probabilities }: Distribution, u: number): number {
  const total = probabilities.reduce((sum, probability) => sum + probability, 0);
  let sum = 0;
  const drawn = probabilities.findIndex((probability) => (sum += probability) > u * total);
  return ids[drawn]; // u < 1 and both sums round alike, so there is one
}

function logSumExp(logits: Float32Array): number {
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  return largest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0));
}

/** The `count` likeliest ids, best first, the lower id first among equals. */
function likeliest(logits: Float32Array, count: number): number[] {
  const best: number[] = [];
  if (count === 0) return best;
  for (let id = 0; id < logits.length; id++) {
    if (best.length === count && logits[id] <= logits[best[count - 1]]) continue;
    const place = best.findIndex((other) => logits[id] > logits[other]);
    best.splice(place < 0 ? best.length : place, 0, id);
    if (best.length > count) best.pop();
  }
  return best;
}
