import type { GluOp } from "../../device/program.ts";
import { gated } from "./activate.ts";
import type { RunningStep } from "./running-step.ts";

export function glu(running: RunningStep, op: GluOp, row: number): void {
  const gate = running.row(op.gate, row);
  const up = running.row(op.up, row);
  const out = running.row(op.out, row);
  for (let i = 0; i < out.length; i++) out[i] = gated(op.activation, gate[i], up[i]);
}
