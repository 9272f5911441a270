import type {
  AttentionLayer,
  Expert,
  Layer,
  LinearModule,
  Model,
  Norm,
  Projection,
  Sublayer,
} from "../models/model.ts";
import { FormatError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";
import { embeddingProjection, normBias, normWeight, projectionKey } from "./model-weights.ts";
import type { WeightSource } from "./weight-source.ts";

/** What to read from a checkpoint for a model, in the order of its layers. */
export interface LoadPlan {
  readonly projections: readonly PlannedProjection[];
  readonly vectors: readonly PlannedVector[];
}

export interface PlannedProjection {
  /** Those of the model's projections that it stands for, by `projectionKey`: the embedding, say, and the head tied to it. */
  readonly keys: readonly string[];
  /** The modules that the checkpoint holds, outputs side by side. */
  readonly modules: Projection;
  /** True: it makes logits, whatever else it is. */
  readonly isHead: boolean;
}

/** A vector of its own: a norm's weight or bias, sinks. */
export interface PlannedVector {
  readonly tensor: string;
  readonly length: number;
  /** True: 1 is added to what files hold, unless they hold the sum (WeightSource.hasNormsPlusOne). */
  readonly plusOne?: boolean;
}

/** Settles which modules stand for each projection of the model. Throws FormatError where the checkpoint has none for one. */
export function planLoads(model: Model, source: WeightSource): LoadPlan {
  const projections: { readonly keys: string[]; readonly modules: Projection; isHead: boolean }[] = [];
  const vectors = new Map<string, PlannedVector>();
  for (const layer of model.layers) {
    for (const projection of projectionsOf(model, layer)) {
      const key = projectionKey(projection);
      const tiedTo = layer.kind === "head" && !source.hasLinear(key) ? layer.tiedTo : undefined;
      const lender = projections.find(({ keys }) => tiedTo !== undefined && keys.includes(tiedTo));
      const isHead = layer.kind === "head";
      if (lender === undefined)
        projections.push({ keys: [key], modules: projection.flatMap((module) => present(module, source)), isHead });
      else {
        lender.keys.push(key);
        lender.isHead ||= isHead;
      }
    }
    for (const vector of vectorsOf(model, layer)) vectors.set(vector.tensor, vector);
  }
  return { projections, vectors: [...vectors.values()] };
}

/** The linears of a layer, in the order that it runs them. */
export function projectionsOf(model: Model, layer: Layer): readonly Projection[] {
  switch (layer.kind) {
    case "embedding":
      return [embeddingProjection(model, layer.module)];
    case "attention":
      return [layer.qkv, [layer.output]];
    case "mlp":
      return ["up" in layer.inner ? [layer.inner.up] : layer.inner.gateUp, [layer.down]];
    case "experts": {
      const ofExpert = ({ gateUp, down }: Expert): readonly Projection[] => [gateUp, [down]];
      const { shared } = layer;
      return [
        [layer.router],
        ...layer.experts.flatMap(ofExpert),
        ...(shared ? [...ofExpert(shared), [shared.gate]] : []),
      ];
    }
    case "norm":
      return [];
    case "head":
      return [[layer.linear]];
  }
}

/** The vectors of a layer that are no linear's bias. */
export function vectorsOf(model: Model, layer: Layer): readonly PlannedVector[] {
  switch (layer.kind) {
    case "attention":
      return [...normsOf(model, layer), ...vectorsOfHeads(layer)];
    case "mlp":
    case "experts":
      return normsOf(model, layer);
    case "norm":
      return vectorsOfNorm(layer.norm, model.hiddenSize);
    case "embedding":
    case "head":
      return [];
  }
}

function normsOf({ hiddenSize }: Model, { norm, postNorm }: Sublayer): readonly PlannedVector[] {
  return [norm, postNorm].flatMap((each) => (each ? vectorsOfNorm(each, hiddenSize) : []));
}

function vectorsOfHeads(layer: AttentionLayer): readonly PlannedVector[] {
  const { queryNorm, keyNorm, normsSpan, heads, kvHeads, headDim, sinks } = layer;
  const span = (count: number): number => (normsSpan === "projection" ? count * headDim : headDim);
  return [
    ...(queryNorm ? vectorsOfNorm(queryNorm, span(heads)) : []),
    ...(keyNorm ? vectorsOfNorm(keyNorm, span(kvHeads)) : []),
    ...(sinks === undefined ? [] : [{ tensor: sinks, length: heads }]),
  ];
}

function vectorsOfNorm({ kind, module }: Norm, length: number): readonly PlannedVector[] {
  const weight = { tensor: normWeight(module), length, ...(kind === "rms-plus-one" && { plusOne: true }) };
  return kind === "layer" ? [weight, { tensor: normBias(module), length }] : [weight];
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
