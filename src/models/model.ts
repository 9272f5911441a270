import type { Activation, Glu, RopeSpec, RouteOp } from "../device/program.ts";

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

export type Layer = EmbeddingLayer | AttentionLayer | MlpLayer | ExpertsLayer | NormLayer | HeadLayer;

/** x = scale * table[token]. */
export interface EmbeddingLayer {
  readonly kind: "embedding";
  readonly module: string;
  /** Absent: 1. */
  readonly scale?: number;
}

/** "rms-plus-one" multiplies by 1 + w where files have w; "layer" subtracts the mean, and has a bias. */
export type NormKind = "rms" | "rms-plus-one" | "layer";

export interface Norm {
  readonly kind: NormKind;
  readonly module: string;
  readonly eps: number;
}

/** x += residualScale * postNorm(f(norm(x))); what is absent leaves the value as it is. */
export interface Sublayer {
  readonly norm?: Norm;
  readonly postNorm?: Norm;
  /** Goes with no postNorm. */
  readonly residualScale?: number;
}

/** A sublayer with f(n) = o(attention(q(n), k(n), v(n))). */
export interface AttentionLayer extends Sublayer {
  readonly kind: "attention";
  /** One linear whose outputs are q, k, v in this order, or the three. */
  readonly qkv: Projection;
  readonly output: LinearModule;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Index into the model's ropes; absent: this layer does not know positions. */
  readonly rope?: number;
  readonly scale: number;
  /** Scores are capped by softCap * tanh(score / softCap). */
  readonly softCap?: number;
  /** Tensor of one more score for every head, which takes its share of the softmax and adds nothing. */
  readonly sinks?: string;
  /** Absent: every earlier position is seen. */
  readonly window?: number;
  /** Before the rotation; over each head, or over all of them at once. */
  readonly queryNorm?: Norm;
  readonly keyNorm?: Norm;
  readonly normsSpan?: "head" | "projection";
}

/** A sublayer with f(n) = down(glu(gate(n), up(n))). */
export interface MlpLayer extends Sublayer {
  readonly kind: "mlp";
  /** True: it reads x as the attention before it did, and both are added. */
  readonly isParallel?: boolean;
  readonly inner: InnerProjection;
  readonly down: LinearModule;
}

/** What widens the features of an MLP, and the function that follows. */
export type InnerProjection =
  /** One linear whose outputs are gate, up in this order, or the two. */
  | { readonly gateUp: Projection; readonly activation: Glu }
  | { readonly up: LinearModule; readonly activation: Activation };

/** A sublayer with f(n) = sum over the experts that router(n) chooses of their weight * expert(n), + share * shared(n). */
export interface ExpertsLayer extends Sublayer {
  readonly kind: "experts";
  readonly router: LinearModule;
  /** Experts chosen for a token. */
  readonly choices: number;
  readonly weighting: RouteOp["weighting"];
  readonly experts: readonly Expert[];
  /** An expert that every token uses, to the share sigmoid(gate(n)). */
  readonly shared?: Expert & { readonly gate: LinearModule };
}

export interface Expert {
  readonly gateUp: Projection;
  readonly activation: Glu;
  readonly down: LinearModule;
}

/** x = norm(x). */
export interface NormLayer {
  readonly kind: "norm";
  readonly norm: Norm;
}

/** logits = softCap(scale * head(x)), with softCap(y) = cap * tanh(y / cap). */
export interface HeadLayer {
  readonly kind: "head";
  readonly linear: LinearModule;
  /** The module that lends its weight where the checkpoint has none under the head's own name. */
  readonly tiedTo?: string;
  /** Absent: 1. */
  readonly scale?: number;
  /** Absent: none. */
  readonly softCap?: number;
}

export interface LinearModule {
  readonly module: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** What a file may hold in its place: linears whose outputs, side by side, are its own. */
  readonly parts?: Projection;
  /** How outputs of several parts take turns in it: this many of each at a time; absent: all of one part, then all of the next. */
  readonly interleavedBy?: number;
}

/** Linears of the same input whose outputs stand side by side. */
export type Projection = readonly LinearModule[];
