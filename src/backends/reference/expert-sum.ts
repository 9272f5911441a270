import type { ExpertSumOp } from "../../device/program.ts";
import type { RunningStep } from "./running-step.ts";

export function expertSum(running: RunningStep, op: ExpertSumOp, row: number): void {
  const input = running.row(op.input, row);
  const routes = running.row(op.routes, row);
  const residual = op.residual && running.row(op.residual, row);
  const out = running.row(op.out, row);
  const choices = routes.length / 2;
  for (let n = 0; n < out.length; n++) {
    let sum = residual === undefined ? 0 : residual[n];
    for (let j = 0; j < choices; j++) sum += routes[choices + j] * input[j * out.length + n];
    out[n] = sum;
  }
}
