import type { Activation } from "../../device/program.ts";

export function activate(activation: Activation, x: number): number {
  switch (activation) {
    case "silu":
      return x / (1 + Math.exp(-x));
  }
}
