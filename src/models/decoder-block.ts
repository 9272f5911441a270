import { UnsupportedError } from "../util/errors.ts";
import type { Glu } from "../device/program.ts";
import type {
  AttentionLayer,
  EmbeddingLayer,
  Expert,
  ExpertsLayer,
  HeadLayer,
  InnerProjection,
  Layer,
  LinearModule,
  MlpLayer,
  Model,
  Norm,
  NormLayer,
  Projection,
  Sublayer,
} from "./model.ts";
import type { DecoderConfig } from "./decoder-config.ts";
import type { ModelRope } from "./rope.ts";

/**
 * The words that architecture files are written in. A decoder block is attention and then an MLP, each with its norms and its residual.
 */

/** What modules are called inside of a block. Most families kept the names that Llama gave them. */
const llamaNames = {
  attentionNorm: "input_layernorm",
  query: "self_attn.q_proj",
  key: "self_attn.k_proj",
  value: "self_attn.v_proj",
  qkv: "self_attn.qkv_proj",
  queryNorm: "self_attn.q_norm",
  keyNorm: "self_attn.k_norm",
  sinks: "self_attn.sinks",
  output: "self_attn.o_proj",
  attentionPostNorm: "post_attention_layernorm",
  mlpNorm: "post_attention_layernorm",
  gate: "mlp.gate_proj",
  up: "mlp.up_proj",
  gateUp: "mlp.gate_up_proj",
  down: "mlp.down_proj",
  mlpPostNorm: "post_feedforward_layernorm",
  router: "mlp.gate",
  expert: "mlp.experts",
  shared: "mlp.shared_expert",
  sharedGate: "mlp.shared_expert_gate",
};

/** Inside of an expert. */
const expertNames = { gate: "gate_proj", up: "up_proj", down: "down_proj", gateUp: "gate_up_proj" };

export type BlockNames = Readonly<typeof llamaNames>;

export interface DecoderBlockOptions {
  /** Positions that a token sees, its own included; absent: all. */
  readonly window?: number | undefined;
  /** Where the norms of attention and MLP stand: before each, after each (and before its residual), or both; absent: before. */
  readonly norms?: "before" | "after" | "both";
  /** Queries and keys are normalized, over each head or over all heads at once. */
  readonly queryKeyNorms?: "head" | "projection";
  /** True: q, k and v are one linear, named `qkv`. Files may hold the three under their own names all the same. */
  readonly fusedQkv?: boolean;
  /** True: in the fused linear, q, k and v take turns head by head. Takes as many key heads as heads. */
  readonly interleavedQkv?: boolean;
  /** As fusedQkv, for gate and up. */
  readonly fusedGateUp?: boolean;
  /** True: the MLP has no gate, but up and down alone. */
  readonly withoutGate?: boolean;
  /** True: attention and MLP read the same x. */
  readonly parallel?: boolean;
  /** Index into the model's ropes, "none" for a layer without positions; absent: 0. */
  readonly rope?: number | "none";
  /** Of scores; absent: 1 / sqrt(head dimension). */
  readonly scale?: number;
  readonly softCap?: number | undefined;
  /** True: heads have sinks. */
  readonly sinks?: boolean;
  /** What both residuals are added by; absent: 1. */
  readonly residualScale?: number;
  /** In place of the MLP. */
  readonly experts?: ExpertsOptions | undefined;
  /** Names other than Llama's. */
  readonly names?: Partial<BlockNames>;
}

export interface ExpertsOptions {
  readonly count: number;
  /** Experts chosen for a token. */
  readonly choices: number;
  readonly weighting: ExpertsLayer["weighting"];
  readonly intermediateSize: number;
  /** Of the expert that every token uses; absent: there is none. */
  readonly sharedSize?: number;
  /** Absent: the config's activation. */
  readonly glu?: Glu;
  /** True: gate and up are one linear, in which their outputs take turns. Files may hold the two under their own names all the same. */
  readonly interleavedGateUp?: boolean;
  /** Inside of an expert, where it is not Llama's gate_proj, up_proj and down_proj. */
  readonly names?: Partial<typeof expertNames>;
}

/** [attention, MLP or experts] of the block under `prefix`. */
export function decoderBlock(prefix: string, c: DecoderConfig, options: DecoderBlockOptions = {}): readonly Layer[] {
  const at = namesUnder(prefix, options);
  const { experts } = options;
  return [attention(at, c, options), experts ? expertsLayer(at, c, options, experts) : mlp(at, c, options)];
}

type NameOf = (name: keyof BlockNames) => string;

function namesUnder(prefix: string, options: DecoderBlockOptions): NameOf {
  const names = {
    ...llamaNames,
    ...(options.norms === "both" && { mlpNorm: "pre_feedforward_layernorm" }),
    ...options.names,
  };
  return (name) => `${prefix}.${names[name]}`;
}

function attention(at: NameOf, c: DecoderConfig, options: DecoderBlockOptions): AttentionLayer {
  const { window, queryKeyNorms, fusedQkv = false, interleavedQkv = false, rope = 0, softCap } = options;
  const qkv: Projection = [
    linear(at("query"), c.hiddenSize, c.heads * c.headDim),
    linear(at("key"), c.hiddenSize, c.kvHeads * c.headDim),
    linear(at("value"), c.hiddenSize, c.kvHeads * c.headDim),
  ];
  const fused = (): LinearModule => ({
    ...stack(at("qkv"), qkv),
    ...(interleavedQkv && { interleavedBy: c.headDim }),
  });
  return {
    kind: "attention",
    ...sublayer(at("attentionNorm"), at("attentionPostNorm"), c, options),
    qkv: fusedQkv ? [fused()] : qkv,
    output: linear(at("output"), c.heads * c.headDim, c.hiddenSize),
    heads: c.heads,
    kvHeads: c.kvHeads,
    headDim: c.headDim,
    ...(rope !== "none" && { rope }),
    scale: options.scale ?? 1 / Math.sqrt(c.headDim),
    ...(softCap !== undefined && { softCap }),
    ...(options.sinks && { sinks: at("sinks") }),
    // A window as wide as the context hides nothing; without it the layer shares pages with full attention.
    ...(window !== undefined && window < c.contextLength && { window }),
    ...(queryKeyNorms && {
      queryNorm: norm(at("queryNorm"), c),
      keyNorm: norm(at("keyNorm"), c),
      normsSpan: queryKeyNorms,
    }),
  };
}

function mlp(at: NameOf, c: DecoderConfig, options: DecoderBlockOptions): MlpLayer {
  const { activation } = c;
  const up = linear(at("up"), c.hiddenSize, c.intermediateSize);
  const gateUp: Projection = [linear(at("gate"), c.hiddenSize, c.intermediateSize), up];
  const gated = { gateUp: options.fusedGateUp ? [stack(at("gateUp"), gateUp)] : gateUp, activation };
  const inner: InnerProjection = options.withoutGate ? { up, activation } : gated;
  return {
    kind: "mlp",
    ...(options.parallel && { isParallel: true }),
    ...sublayer(at("mlpNorm"), at("mlpPostNorm"), c, options),
    inner,
    down: linear(at("down"), c.intermediateSize, c.hiddenSize),
  };
}

function expertsLayer(
  at: NameOf,
  c: DecoderConfig,
  options: DecoderBlockOptions,
  { count, choices, weighting, intermediateSize, sharedSize, ...experts }: ExpertsOptions,
): ExpertsLayer {
  const names = { ...expertNames, ...experts.names };
  const expert = (module: string, width: number): Expert => {
    const gateUp: Projection = [
      linear(`${module}.${names.gate}`, c.hiddenSize, width),
      linear(`${module}.${names.up}`, c.hiddenSize, width),
    ];
    return {
      gateUp: experts.interleavedGateUp ? [{ ...stack(`${module}.${names.gateUp}`, gateUp), interleavedBy: 1 }] : gateUp,
      activation: experts.glu ?? c.activation,
      down: linear(`${module}.${names.down}`, width, c.hiddenSize),
    };
  };
  return {
    kind: "experts",
    ...sublayer(at("mlpNorm"), at("mlpPostNorm"), c, options),
    router: linear(at("router"), c.hiddenSize, count),
    choices,
    weighting,
    experts: Array.from({ length: count }, (_, i) => expert(`${at("expert")}.${i}`, intermediateSize)),
    ...(sharedSize !== undefined && {
      shared: { ...expert(at("shared"), sharedSize), gate: linear(at("sharedGate"), c.hiddenSize, 1) },
    }),
  };
}

function sublayer(before: string, after: string, c: DecoderConfig, options: DecoderBlockOptions): Sublayer {
  const { norms = "before", residualScale } = options;
  return {
    ...(norms !== "after" && { norm: norm(before, c) }),
    ...(norms !== "before" && { postNorm: norm(after, c) }),
    ...(residualScale !== undefined && { residualScale }),
  };
}

/** The embedding of tokens, times `scale` if there is one. */
export function embedding(module: string, scale?: number): EmbeddingLayer {
  return { kind: "embedding", module, ...(scale !== undefined && { scale }) };
}

export function finalNorm(module: string, c: DecoderConfig): NormLayer {
  return { kind: "norm", norm: norm(module, c) };
}

/** The head, tied to `embeddings` where the config ties them. */
export function head(
  module: string,
  c: DecoderConfig,
  embeddings: string,
  { scale, softCap }: { readonly scale?: number | undefined; readonly softCap?: number | undefined } = {},
): HeadLayer {
  return {
    kind: "head",
    linear: linear(module, c.hiddenSize, c.vocabSize),
    ...(c.tieEmbeddings && { tiedTo: embeddings }),
    ...(scale !== undefined && { scale }),
    ...(softCap !== undefined && { softCap }),
  };
}

/** `layers` of every block of the model, from the first to the last; block i is named `<list>.<i>`. */
export function blocks(
  c: DecoderConfig,
  layers: (prefix: string, index: number) => readonly Layer[],
  list = "model.layers",
): readonly Layer[] {
  return Array.from({ length: c.layerCount }, (_, i) => layers(`${list}.${i}`, i)).flat();
}

/** The model of these layers, whose attention turns by `rope`, or by the one of several that its index names. */
export function decoderModel(
  architecture: string,
  c: DecoderConfig,
  rope: ModelRope | readonly [ModelRope, ...ModelRope[]],
  layers: readonly Layer[],
): Model {
  const ropes = "spec" in rope ? [rope] : rope;
  const [switchLength, ...others] = new Set(ropes.flatMap((each) => each.switchLength ?? []));
  if (others.length > 0)
    throw new UnsupportedError(
      `${architecture}: ropes change over at ${switchLength} and at ${others[0]} positions; one length for all is supported`,
    );
  return {
    architecture,
    vocabSize: c.vocabSize,
    hiddenSize: c.hiddenSize,
    contextLength: c.contextLength,
    ropes: ropes.map(({ spec }) => spec),
    ...(switchLength !== undefined && { ropeSwitchLength: switchLength }),
    layers,
  };
}

function norm(module: string, c: DecoderConfig): Norm {
  return { kind: c.norm, module, eps: c.normEps };
}

function linear(module: string, inFeatures: number, outFeatures: number): LinearModule {
  return { module, inFeatures, outFeatures };
}

function stack(module: string, parts: Projection): LinearModule {
  const outFeatures = parts.reduce((sum, part) => sum + part.outFeatures, 0);
  return { ...linear(module, parts[0].inFeatures, outFeatures), parts };
}
