import type { EmbedOp } from "../../device/program.ts";
import type { RunningStep } from "./running-step.ts";

export function embed(running: RunningStep, op: EmbedOp, t: number): void {
  const { weights, lastSamples } = running.memory;
  const { values, inFeatures } = weights[op.table];
  const token = running.step.tokens[t];
  const id = token < 0 ? lastSamples[~token] : token;
  const out = running.row(op.out, t);
  for (let i = 0; i < inFeatures; i++) out[i] = (op.scale ?? 1) * values[id * inFeatures + i];
}
