import type { LinearOp } from "../../device/program.ts";
import { activate } from "./activate.ts";
import type { RunningStep } from "./running-step.ts";

export function linear(running: RunningStep, op: LinearOp, row: number): void {
  const { weights, vectors } = running.memory;
  const { values, inFeatures, outFeatures } = weights[op.weight];
  const bias = op.bias === undefined ? undefined : vectors[op.bias];
  const residual = op.residual === undefined ? undefined : running.row(op.residual, row);
  const x = running.row(op.input, row);
  const out = running.row(op.out, row);

  const y = new Float64Array(outFeatures);
  for (let n = 0; n < outFeatures; n++) {
    let sum = 0;
    for (let k = 0; k < inFeatures; k++) sum += x[k] * values[n * inFeatures + k];
    y[n] = bias === undefined ? sum : sum + bias[n];
  }
  for (let n = 0; n < out.length; n++) {
    const value = op.glu === undefined ? y[n] : activate(op.glu, y[n]) * y[n + out.length];
    out[n] = residual === undefined ? value : value + residual[n];
  }
}
