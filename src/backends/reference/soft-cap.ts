import type { SoftCapOp } from "../../device/program.ts";
import type { RunningStep } from "./running-step.ts";

export function softCap(running: RunningStep, op: SoftCapOp, row: number): void {
  const x = running.row(op.input, row);
  const out = running.row(op.out, row);
  for (let i = 0; i < out.length; i++) out[i] = softCapped(op.cap, x[i]);
}

export function softCapped(cap: number, x: number): number {
  return cap * Math.tanh(x / cap);
}
