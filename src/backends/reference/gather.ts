import type { GatherOp } from "../../device/program.ts";
import type { RunningStep } from "./running-step.ts";

export function gather(running: RunningStep, op: GatherOp, r: number): void {
  running.row(op.out, r).set(running.row(op.input, running.step.outputs[r]));
}
