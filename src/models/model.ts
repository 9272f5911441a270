import type { Activation, RopeSpec } from "../device/program.ts";

/**
 * A model as a declarative list, read top to bottom. It names modules of the checkpoint and never asks how they are stored:
 * whether a module is quantized, has a bias, or can be fused with its neighbour is found when the list is compiled.
 */
export interface Model {
  /** As in config.json: "LlamaForCausalLM". */
  readonly architecture: string;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  /** Positions that the model was trained for. */
  readonly contextLength: number;
  readonly ropes: readonly RopeSpec[];
  /** Sequences longer than this use variant 1 of every rope for all their positions (LongRoPE); absent: variant 0 always. */
  readonly ropeSwitchLength?: number;
  readonly layers: readonly Layer[];
}

export type Layer = EmbeddingLayer | AttentionLayer | MlpLayer | NormLayer | HeadLayer;

/** x = table[token]. */
export interface EmbeddingLayer {
  readonly kind: "embedding";
  readonly module: string;
}

export interface RmsNorm {
  readonly module: string;
  readonly eps: number;
}

/** x += o(attention(q(n), k(n), v(n))) with n = norm(x). */
export interface AttentionLayer {
  readonly kind: "attention";
  readonly norm: RmsNorm;
  /** One linear whose outputs are q, k, v in this order, or the three. */
  readonly qkv: Projection;
  readonly output: LinearModule;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Index into the model's ropes. */
  readonly rope: number;
  readonly scale: number;
  /** Absent: every earlier position is seen. */
  readonly window?: number;
  /** Over the head dimension, before the rotation. */
  readonly queryNorm?: RmsNorm;
  readonly keyNorm?: RmsNorm;
}

/** x += down(act(gate(n)) * up(n)) with n = norm(x). */
export interface MlpLayer {
  readonly kind: "mlp";
  readonly norm: RmsNorm;
  /** One linear whose outputs are gate, up in this order, or the two. */
  readonly gateUp: Projection;
  readonly down: LinearModule;
  readonly activation: Activation;
}

/** x = norm(x). */
export interface NormLayer {
  readonly kind: "norm";
  readonly norm: RmsNorm;
}

/** logits = head(x). */
export interface HeadLayer {
  readonly kind: "head";
  readonly linear: LinearModule;
  /** The module that lends its weight where the checkpoint has none under the head's own name. */
  readonly tiedTo?: string;
}

export interface LinearModule {
  readonly module: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** What a file may hold in its place: linears whose outputs, side by side, are its own. */
  readonly parts?: Projection;
}

/** Linears of the same input whose outputs stand side by side. */
export type Projection = readonly LinearModule[];
