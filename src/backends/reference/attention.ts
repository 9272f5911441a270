import type { AttentionOp } from "../../device/program.ts";
import { softCapped } from "./soft-cap.ts";
import type { RunningStep } from "./running-step.ts";

export function attention(running: RunningStep, op: AttentionOp, t: number): void {
  const { program, caches, vectors } = running.memory;
  const cache = caches[op.cache];
  const { headDim, kvHeads, pageKind } = cache.spec;
  const table = running.step.pageTables[pageKind];
  const window = program.pageKinds[pageKind].window ?? Infinity;
  const s = running.sequences[t];
  const last = running.step.positions[t];
  const first = Math.max(0, last - window + 1);
  const q = running.row(op.q, t);
  const out = running.row(op.out, t);
  const heads = q.length / headDim;

  const weights = new Float64Array(last - first + 1);
  for (let head = 0; head < heads; head++) {
    const kvHead = Math.floor(head / (heads / kvHeads));
    const sink = op.sinks === undefined ? undefined : vectors[op.sinks][head];
    let largest = sink ?? -Infinity;
    for (let p = first; p <= last; p++) {
      const key = cache.key(table, s, p, kvHead);
      let dot = 0;
      for (let i = 0; i < headDim; i++) dot += q[head * headDim + i] * key[i];
      const score = op.scale * dot;
      weights[p - first] = op.softCap === undefined ? score : softCapped(op.softCap, score);
      largest = Math.max(largest, weights[p - first]);
    }
    let total = sink === undefined ? 0 : Math.exp(sink - largest);
    for (let i = 0; i < weights.length; i++) {
      weights[i] = Math.exp(weights[i] - largest);
      total += weights[i];
    }
    const sums = new Float64Array(headDim);
    for (let p = first; p <= last; p++) {
      const value = cache.value(table, s, p, kvHead);
      for (let i = 0; i < headDim; i++) sums[i] += weights[p - first] * value[i];
    }
    for (let i = 0; i < headDim; i++) out[head * headDim + i] = sums[i] / total;
  }
}
