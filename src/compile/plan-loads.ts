import type { Layer, LinearModule, Model, Projection, RmsNorm } from "../models/model.ts";
import { FormatError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";
import { embeddingProjection, projectionKey } from "./model-weights.ts";
import type { WeightSource } from "./weight-source.ts";

/** What to read from a checkpoint for a model, in the order of its layers. */
export interface LoadPlan {
  readonly projections: readonly PlannedProjection[];
  readonly norms: readonly PlannedNorm[];
}

export interface PlannedProjection {
  /** Those of the model's projections that it stands for, by `projectionKey`: the embedding, say, and the head tied to it. */
  readonly keys: readonly string[];
  /** The modules that the checkpoint holds, outputs side by side. */
  readonly modules: Projection;
}

export interface PlannedNorm {
  readonly module: string;
  readonly length: number;
}

/** Settles which modules stand for each projection of the model. Throws FormatError where the checkpoint has none for one. */
export function planLoads(model: Model, source: WeightSource): LoadPlan {
  const projections: { readonly keys: string[]; readonly modules: Projection }[] = [];
  const norms: PlannedNorm[] = [];
  for (const layer of model.layers) {
    for (const projection of projectionsOf(model, layer)) {
      const key = projectionKey(projection);
      const tiedTo = layer.kind === "head" && !source.hasLinear(key) ? layer.tiedTo : undefined;
      const lender = projections.find(({ keys }) => tiedTo !== undefined && keys.includes(tiedTo));
      if (lender !== undefined) lender.keys.push(key);
      else projections.push({ keys: [key], modules: projection.flatMap((module) => present(module, source)) });
    }
    norms.push(...normsOf(model, layer));
  }
  return { projections, norms };
}

function projectionsOf(model: Model, layer: Layer): readonly Projection[] {
  switch (layer.kind) {
    case "embedding":
      return [embeddingProjection(model, layer.module)];
    case "attention":
      return [layer.qkv, [layer.output]];
    case "mlp":
      return [layer.gateUp, [layer.down]];
    case "norm":
      return [];
    case "head":
      return [[layer.linear]];
  }
}

function normsOf(model: Model, layer: Layer): readonly PlannedNorm[] {
  const norm = ({ module }: RmsNorm, length = model.hiddenSize): PlannedNorm => ({ module, length });
  switch (layer.kind) {
    case "attention": {
      const ofHeads = [layer.queryNorm, layer.keyNorm].filter((headNorm) => headNorm !== undefined);
      return [norm(layer.norm), ...ofHeads.map((headNorm) => norm(headNorm, layer.headDim))];
    }
    case "mlp":
    case "norm":
      return [norm(layer.norm)];
    case "embedding":
    case "head":
      return [];
  }
}

function present(module: LinearModule, source: WeightSource): Projection {
  if (source.hasLinear(module.module)) return [module];
  const { parts } = module;
  if (parts?.every((part) => source.hasLinear(part.module))) return parts;
  const inItsPlace = parts === undefined ? "" : `, nor all of ${parts.map((part) => quote(part.module)).join(", ")}`;
  throw new FormatError(
    `the checkpoint holds no weight for ${quote(module.module)}${inItsPlace}; it is incomplete, or its config names another architecture`,
  );
}
