import { UnsupportedError } from "../util/errors.ts";
import type {
  AttentionLayer,
  EmbeddingLayer,
  HeadLayer,
  Layer,
  LinearModule,
  MlpLayer,
  Model,
  NormLayer,
  Projection,
  RmsNorm,
} from "./model.ts";
import type { DecoderConfig } from "./decoder-config.ts";
import type { ModelRope } from "./rope.ts";

/**
 * The words that architecture files are written in. A decoder block is norm, attention, norm, gated MLP, each pair with its residual.
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
  output: "self_attn.o_proj",
  mlpNorm: "post_attention_layernorm",
  gate: "mlp.gate_proj",
  up: "mlp.up_proj",
  gateUp: "mlp.gate_up_proj",
  down: "mlp.down_proj",
};

export type BlockNames = Readonly<typeof llamaNames>;

export interface DecoderBlockOptions {
  /** Positions that a token sees, its own included; absent: all. */
  readonly window?: number | undefined;
  /** True: queries and keys are normalized over the head dimension. */
  readonly headNorms?: boolean;
  /** True: q, k and v are one linear, named `qkv`. Files may hold the three under their own names all the same. */
  readonly fusedQkv?: boolean;
  /** As fusedQkv, for gate and up. */
  readonly fusedGateUp?: boolean;
  /** Index into the model's ropes; absent: 0. */
  readonly rope?: number;
  /** Names other than Llama's. */
  readonly names?: Partial<BlockNames>;
}

/** [attention, mlp] of the block under `prefix`. */
export function decoderBlock(prefix: string, c: DecoderConfig, options: DecoderBlockOptions = {}): readonly Layer[] {
  const { window, headNorms = false, fusedQkv = false, fusedGateUp = false, rope = 0 } = options;
  const names = { ...llamaNames, ...options.names };
  const at = (name: keyof BlockNames): string => `${prefix}.${names[name]}`;
  const qkv: Projection = [
    linear(at("query"), c.hiddenSize, c.heads * c.headDim),
    linear(at("key"), c.hiddenSize, c.kvHeads * c.headDim),
    linear(at("value"), c.hiddenSize, c.kvHeads * c.headDim),
  ];
  const gateUp: Projection = [
    linear(at("gate"), c.hiddenSize, c.intermediateSize),
    linear(at("up"), c.hiddenSize, c.intermediateSize),
  ];
  const attention: AttentionLayer = {
    kind: "attention",
    norm: rmsNorm(at("attentionNorm"), c),
    qkv: fusedQkv ? [stack(at("qkv"), qkv)] : qkv,
    output: linear(at("output"), c.heads * c.headDim, c.hiddenSize),
    heads: c.heads,
    kvHeads: c.kvHeads,
    headDim: c.headDim,
    rope,
    scale: 1 / Math.sqrt(c.headDim),
    // A window as wide as the context hides nothing; without it the layer shares pages with full attention.
    ...(window !== undefined && window < c.contextLength && { window }),
    ...(headNorms && { queryNorm: rmsNorm(at("queryNorm"), c), keyNorm: rmsNorm(at("keyNorm"), c) }),
  };
  const mlp: MlpLayer = {
    kind: "mlp",
    norm: rmsNorm(at("mlpNorm"), c),
    gateUp: fusedGateUp ? [stack(at("gateUp"), gateUp)] : gateUp,
    down: linear(at("down"), c.intermediateSize, c.hiddenSize),
    activation: c.activation,
  };
  return [attention, mlp];
}

export function embedding(module: string): EmbeddingLayer {
  return { kind: "embedding", module };
}

export function finalNorm(module: string, c: DecoderConfig): NormLayer {
  return { kind: "norm", norm: rmsNorm(module, c) };
}

/** The head, tied to `embeddings` where the config ties them. */
export function head(module: string, c: DecoderConfig, embeddings: string): HeadLayer {
  return {
    kind: "head",
    linear: linear(module, c.hiddenSize, c.vocabSize),
    ...(c.tieEmbeddings && { tiedTo: embeddings }),
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

function rmsNorm(module: string, c: DecoderConfig): RmsNorm {
  return { module, eps: c.normEps };
}

function linear(module: string, inFeatures: number, outFeatures: number): LinearModule {
  return { module, inFeatures, outFeatures };
}

function stack(module: string, parts: Projection): LinearModule {
  const outFeatures = parts.reduce((sum, part) => sum + part.outFeatures, 0);
  return { ...linear(module, parts[0].inFeatures, outFeatures), parts };
}
