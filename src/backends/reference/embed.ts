import type { EmbedOp } from "../../device/program.ts";
import type { RunningStep } from "./running-step.ts";

export function embed(running: RunningStep, op: EmbedOp, t: number): void {
  const { weights, lastSamples } = running.memory;
  const { values, inFeatures } = weights[op.table];
  const token = running.step.tokens[t];
  const id = token < 0 ? lastSamples[~token] : token;
  running.row(op.out, t).set(values.subarray(id * inFeatures, (id + 1) * inFeatures));
}
