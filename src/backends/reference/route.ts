import type { RouteOp } from "../../device/program.ts";
import type { RunningStep } from "./running-step.ts";

export function route(running: RunningStep, op: RouteOp, row: number): void {
  const logits = running.row(op.logits, row);
  const out = running.row(op.out, row);
  const choices = out.length / 2;
  const chosen = new Set<number>();
  while (chosen.size < choices) chosen.add(largestBut(chosen, logits));
  const experts = [...chosen];
  const largest = Math.max(...logits);
  const over = op.weighting === "softmax" ? [...logits] : experts.map((expert) => logits[expert]);
  const total = over.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
  experts.forEach((expert, j) => {
    out[j] = expert;
    out[choices + j] = Math.exp(logits[expert] - largest) / total;
  });
}

/** The first of the largest logits outside of `taken`; where none compares, as when all are NaN, the first one there is. */
function largestBut(taken: ReadonlySet<number>, logits: Float32Array): number {
  let best = -1;
  for (let e = 0; e < logits.length; e++) if (!taken.has(e) && (best < 0 || logits[e] > logits[best])) best = e;
  return best;
}
