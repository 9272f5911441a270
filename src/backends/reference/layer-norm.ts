import type { LayerNormOp } from "../../device/program.ts";
import type { RunningStep } from "./running-step.ts";

export function layerNorm(running: RunningStep, op: LayerNormOp, row: number): void {
  const { vectors } = running.memory;
  const [weight, bias] = [vectors[op.weight], vectors[op.bias]];
  const x = running.row(op.input, row);
  const out = running.row(op.out, row);
  let sum = 0;
  for (const value of x) sum += value;
  const mean = sum / x.length;
  let squares = 0;
  for (const value of x) squares += (value - mean) ** 2;
  const scale = 1 / Math.sqrt(squares / x.length + op.eps);
  for (let i = 0; i < x.length; i++) out[i] = (x[i] - mean) * scale * weight[i] + bias[i];
}
