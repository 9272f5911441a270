import type { LinearOp } from "../../device/program.ts";
import { gated } from "./activate.ts";
import type { Matrix, RunningStep } from "./running-step.ts";

export function linear(running: RunningStep, op: LinearOp, row: number): void {
  const { weights, vectors } = running.memory;
  const residual = op.residual === undefined ? undefined : running.row(op.residual, row);
  const out = running.row(op.out, row);
  const bias = op.bias === undefined ? undefined : vectors[op.bias];
  const y = multiply(weights[op.weight], running.row(op.input, row), bias);
  if (op.scale !== undefined) for (let n = 0; n < y.length; n++) y[n] *= op.scale;
  for (let n = 0; n < out.length; n++) {
    const value = op.glu === undefined ? y[n] : gated(op.glu, y[n], y[n + out.length]);
    out[n] = residual === undefined ? value : value + residual[n];
  }
}

/** [outFeatures]: the matrix times x, plus the bias, not rounded yet. */
export function multiply(
  { values, inFeatures, outFeatures }: Matrix,
  x: Float32Array,
  bias?: Float32Array,
): Float64Array {
  const y = new Float64Array(outFeatures);
  for (let n = 0; n < outFeatures; n++) {
    let sum = 0;
    for (let k = 0; k < inFeatures; k++) sum += x[k] * values[n * inFeatures + k];
    y[n] = bias === undefined ? sum : sum + bias[n];
  }
  return y;
}
