import type { PreparedWeight } from "../device/backend.ts";
import type { VectorId, VectorSpec, WeightId, WeightSpec } from "../device/program.ts";
import type { Model, Projection } from "../models/model.ts";

/** One linear as the program runs it: what became of one or more adjacent modules of a projection. */
export interface BoundLinear {
  readonly weight: WeightId;
  readonly bias?: VectorId;
  readonly outFeatures: number;
  /** As in LinearModule. */
  readonly interleavedBy?: number;
}

/** All that a program needs to know of its weights, and nothing of their data. */
export interface WeightTable {
  readonly weights: readonly WeightSpec[];
  readonly vectors: readonly VectorSpec[];
  /** The linears that compute a projection, side by side in its output; by `projectionKey`. */
  readonly linears: ReadonlyMap<string, readonly BoundLinear[]>;
  /** Vectors that are no linear's bias, by tensor: norms' weights and biases, sinks. */
  readonly tensors: ReadonlyMap<string, VectorId>;
}

/** The table with its data, in the order of its arrays. */
export interface ModelWeights {
  readonly table: WeightTable;
  readonly prepared: readonly PreparedWeight[];
  readonly vectors: readonly Float32Array[];
}

/** What a model calls a projection, whatever the file holds in its place. */
export function projectionKey(projection: Projection): string {
  return projection[0].module;
}

/** The embedding's table as a linear from features to vocabulary, which it is for a tied head. */
export function embeddingProjection(model: Model, module: string): Projection {
  return [{ module, inFeatures: model.hiddenSize, outFeatures: model.vocabSize }];
}

/** The tensor of a norm's weight. */
export function normWeight(module: string): string {
  return `${module}.weight`;
}

/** The tensor of a layer norm's bias. */
export function normBias(module: string): string {
  return `${module}.bias`;
}
