import type { RmsNormOp } from "../../device/program.ts";
import type { RunningStep } from "./running-step.ts";

export function rmsNorm(running: RunningStep, op: RmsNormOp, row: number): void {
  const weight = running.memory.vectors[op.weight];
  const x = running.row(op.input, row);
  const out = running.row(op.out, row);
  for (let start = 0; start < x.length; start += op.groupWidth) {
    let squares = 0;
    for (let i = 0; i < op.groupWidth; i++) squares += x[start + i] * x[start + i];
    const scale = 1 / Math.sqrt(squares / op.groupWidth + op.eps);
    for (let i = 0; i < op.groupWidth; i++) out[start + i] = x[start + i] * scale * weight[i];
  }
}
