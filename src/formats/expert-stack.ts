/** Where one expert's weight lies: matrix `index` of a stack. */
export interface StackedExpert {
  /** The stack as a module: "model.layers.0.mlp.experts.gate_up_proj". */
  readonly stack: string;
  readonly index: number;
}

/** The stack that may hold an expert's module, "model.layers.0.mlp.experts.3.gate_up_proj"; undefined: it is no expert's. */
export function stackedExpert(module: string): StackedExpert | undefined {
  const [, list, index, name] = /^(.*\.experts)\.(\d+)\.(\w+)$/.exec(module) ?? [];
  return name === undefined ? undefined : { stack: `${list}.${name}`, index: Number(index) };
}
