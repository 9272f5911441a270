import type { PreparedWeight } from "../device/backend.ts";
import type { Program } from "../device/program.ts";
import type { Model } from "../models/model.ts";
import { emitProgram } from "./emit-program.ts";
import { loadWeights, type LoadOptions, type WeightDevice } from "./load-weights.ts";
import { planLoads } from "./plan-loads.ts";
import type { WeightSource } from "./weight-source.ts";

/** A program with all that a device needs to load it. Owns the prepared weights: dispose it after every executable made from it. */
export interface CompiledModel extends Disposable {
  readonly model: Model;
  readonly program: Program;
  readonly weights: readonly PreparedWeight[];
  readonly vectors: readonly Float32Array[];
}

export interface CompileOptions extends LoadOptions {
  readonly model: Model;
  /** Borrowed: not needed afterwards, and not closed here. */
  readonly source: WeightSource;
  /** Must outlive the result. */
  readonly device: WeightDevice;
}

/**
 * Brings a model's weights to a device and its layers into the form that the device runs: what the device can fuse becomes one linear,
 * what the checkpoint ties is shared. Holds the file's bytes of two projections at most.
 *
 * Throws FormatError where the checkpoint lacks a weight or has one of another shape than the model's, UnsupportedError where the device has
 * no kernel for one, AbortedError. Nothing stays on the device then.
 */
export async function compileModel({ model, source, device, ...options }: CompileOptions): Promise<CompiledModel> {
  const plan = planLoads(model, source);
  const { table, prepared, vectors } = await loadWeights(plan, source, device, options);
  const dispose = (): void => {
    for (const weight of prepared) weight[Symbol.dispose]();
  };
  try {
    return { model, program: emitProgram(model, table), weights: prepared, vectors, [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}
