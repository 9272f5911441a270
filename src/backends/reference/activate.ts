import type { Activation, ActivateOp, Glu } from "../../device/program.ts";
import { erf } from "./erf.ts";
import type { RunningStep } from "./running-step.ts";

export function activate(running: RunningStep, op: ActivateOp, row: number): void {
  const x = running.row(op.input, row);
  const out = running.row(op.out, row);
  for (let i = 0; i < out.length; i++) out[i] = activated(op.activation, x[i]);
}

/** act(x) as Activation has it. */
function activated(activation: Activation, x: number): number {
  switch (activation) {
    case "silu":
      return x * sigmoid(x);
    case "gelu":
      return (x * (1 + erf(x / Math.SQRT2))) / 2;
    case "gelu-tanh":
      return (x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))) / 2;
  }
}

/** glu(gate, up) as Glu has it. */
export function gated(glu: Glu, gate: number, up: number): number {
  if (typeof glu === "string") return activated(glu, gate) * up;
  // Math.min and Math.max keep what is not a number, so that it is seen in the end.
  const g = Math.min(gate, glu.clampedAt);
  const u = Math.min(Math.max(up, -glu.clampedAt), glu.clampedAt);
  return g * sigmoid(1.702 * g) * (u + 1);
}

export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
