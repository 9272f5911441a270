import type { AddOp } from "../../device/program.ts";
import { sigmoid } from "./activate.ts";
import type { RunningStep } from "./running-step.ts";

export function add(running: RunningStep, op: AddOp, row: number): void {
  const x = running.row(op.input, row);
  const residual = running.row(op.residual, row);
  const out = running.row(op.out, row);
  const share = op.gate === undefined ? 1 : sigmoid(running.row(op.gate, row)[0]);
  for (let i = 0; i < out.length; i++) out[i] = residual[i] + share * x[i];
}
