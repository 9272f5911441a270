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
 * The words that architecture files are written in. A decoder block is norm, attention, norm, gated MLP, each pair with its residual;
 * modules have the names that Llama gave them, which most families kept.
 */

export interface DecoderBlockOptions {
  /** Positions that a token sees, its own included; absent: all. */
  readonly window?: number | undefined;
  /** True: queries and keys are normalized over the head dimension. */
  readonly headNorms?: boolean;
  /** True: `qkv_proj` and `gate_up_proj` are one linear each. Files may hold their parts under Llama's names all the same. */
  readonly fused?: boolean;
}

/** [attention, mlp] of the block under `prefix`. All of its attention uses the model's rope 0. */
export function decoderBlock(prefix: string, c: DecoderConfig, options: DecoderBlockOptions = {}): readonly Layer[] {
  const { window, headNorms = false, fused = false } = options;
  const attention: AttentionLayer = {
    kind: "attention",
    norm: rmsNorm(`${prefix}.input_layernorm`, c),
    qkv: fused ? [stack(`${prefix}.self_attn.qkv_proj`, qkvParts(prefix, c))] : qkvParts(prefix, c),
    output: linear(`${prefix}.self_attn.o_proj`, c.heads * c.headDim, c.hiddenSize),
    heads: c.heads,
    kvHeads: c.kvHeads,
    headDim: c.headDim,
    rope: 0,
    scale: 1 / Math.sqrt(c.headDim),
    // A window as wide as the context hides nothing; without it the layer shares pages with full attention.
    ...(window !== undefined && window < c.contextLength && { window }),
    ...(headNorms && {
      queryNorm: rmsNorm(`${prefix}.self_attn.q_norm`, c),
      keyNorm: rmsNorm(`${prefix}.self_attn.k_norm`, c),
    }),
  };
  const mlp: MlpLayer = {
    kind: "mlp",
    norm: rmsNorm(`${prefix}.post_attention_layernorm`, c),
    gateUp: fused ? [stack(`${prefix}.mlp.gate_up_proj`, gateUpParts(prefix, c))] : gateUpParts(prefix, c),
    down: linear(`${prefix}.mlp.down_proj`, c.intermediateSize, c.hiddenSize),
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

/** `layers` of every block of the model, from the first to the last. */
export function blocks(c: DecoderConfig, layers: (prefix: string, index: number) => readonly Layer[]): readonly Layer[] {
  return Array.from({ length: c.layerCount }, (_, i) => layers(`model.layers.${i}`, i)).flat();
}

/** The model of these layers whose attention all turns by one rope. */
export function decoderModel(architecture: string, c: DecoderConfig, rope: ModelRope, layers: readonly Layer[]): Model {
  return {
    architecture,
    vocabSize: c.vocabSize,
    hiddenSize: c.hiddenSize,
    contextLength: c.contextLength,
    ropes: [rope.spec],
    ...(rope.switchLength !== undefined && { ropeSwitchLength: rope.switchLength }),
    layers,
  };
}

function qkvParts(prefix: string, c: DecoderConfig): Projection {
  return [
    linear(`${prefix}.self_attn.q_proj`, c.hiddenSize, c.heads * c.headDim),
    linear(`${prefix}.self_attn.k_proj`, c.hiddenSize, c.kvHeads * c.headDim),
    linear(`${prefix}.self_attn.v_proj`, c.hiddenSize, c.kvHeads * c.headDim),
  ];
}

function gateUpParts(prefix: string, c: DecoderConfig): Projection {
  return [
    linear(`${prefix}.mlp.gate_proj`, c.hiddenSize, c.intermediateSize),
    linear(`${prefix}.mlp.up_proj`, c.hiddenSize, c.intermediateSize),
  ];
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
