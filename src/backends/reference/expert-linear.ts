import type { ExpertLinearOp } from "../../device/program.ts";
import { gated } from "./activate.ts";
import { multiply } from "./linear.ts";
import type { RunningStep } from "./running-step.ts";

export function expertLinear(running: RunningStep, op: ExpertLinearOp, row: number): void {
  const { weights, vectors } = running.memory;
  const input = running.row(op.input, row);
  const routes = running.row(op.routes, row);
  const out = running.row(op.out, row);
  const choices = routes.length / 2;
  const width = out.length / choices;
  for (let j = 0; j < choices; j++) {
    const expert = routes[j];
    const weight = weights[op.weights[expert]];
    const { inFeatures } = weight;
    const x = input.length === inFeatures ? input : input.subarray(j * inFeatures, (j + 1) * inFeatures);
    const bias = op.biases?.[expert];
    const y = multiply(weight, x, bias === undefined ? undefined : vectors[bias]);
    for (let n = 0; n < width; n++)
      out[j * width + n] = op.glu === undefined ? y[n] : gated(op.glu, y[n], y[n + width]);
  }
}
