import type { WeightSummary } from "../weights/packed-weight.ts";

/**
 * A model as every backend runs it: a flat list of ops over numbered buffers.
 *
 * Buffers hold f32 values as far as a program can tell; sizes are in terms of the step: a buffer has one row per token of the step, or one
 * per output (a row whose logits are wanted). Ops run in order, each seeing all writes of those before it. An op over "outputs" rows
 * does nothing in a step that wants none. Indices (`BufferId` and so on) are positions in the arrays of this object.
 */
export interface Program {
  readonly buffers: readonly BufferSpec[];
  readonly weights: readonly WeightSpec[];
  readonly vectors: readonly VectorSpec[];
  readonly ropes: readonly RopeSpec[];
  /** Layers whose caches share a page table: full attention, or one sliding window. */
  readonly pageKinds: readonly PageKind[];
  readonly caches: readonly CacheSpec[];
  readonly ops: readonly Op[];
  readonly vocabSize: number;
  /**
   * What a step reports as the hidden states of its outputs: the whole of a buffer of outputs, which nothing writes that comes after what
   * a step with neither logits nor samples runs (`opCountOf`). Absent: it has none to report.
   */
  readonly hidden?: View;
}

/** How many of the ops a step runs: those behind the hidden states make logits, which not every step wants. */
export function opCountOf({ ops, hidden }: Pick<Program, "ops" | "hidden">, wantsLogits: boolean): number {
  if (wantsLogits || hidden === undefined) return ops.length;
  return 1 + ops.findLastIndex((op) => "out" in op && op.out.buffer === hidden.buffer);
}

export type BufferId = number;
export type WeightId = number;
export type VectorId = number;
export type RopeId = number;
export type CacheId = number;

export type BufferRows = "tokens" | "outputs";

export interface BufferSpec {
  readonly name: string;
  readonly rows: BufferRows;
  readonly width: number;
}

/** Columns [offset, offset + width) of every row of a buffer. */
export interface View {
  readonly buffer: BufferId;
  readonly offset: number;
  readonly width: number;
}

/** A prepared weight that the program multiplies or looks up; `parts` are module names, stacked along outFeatures in this order. */
export interface WeightSpec {
  readonly parts: readonly string[];
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** One for every part. */
  readonly summaries: readonly WeightSummary[];
}

/** A vector of f32: a norm's weight or a bias. */
export interface VectorSpec {
  readonly name: string;
  readonly length: number;
}

/**
 * Rotary positions: pair i of a head, that is its elements i and i + rotaryDim / 2, turns by position * inverseFrequencies[i], a product
 * rounded to f32 (models are trained and judged with that: at position 100,000 it moves an angle by up to 0.004).
 * A sequence uses one variant throughout (LongRoPE has two, of which the step says which).
 */
export interface RopeSpec {
  readonly rotaryDim: number;
  readonly variants: readonly RopeVariant[];
}

export interface RopeVariant {
  /** [rotaryDim / 2]. */
  readonly inverseFrequencies: Float32Array;
  /** Both cosine and sine are multiplied by it. */
  readonly scale: number;
}

export interface PageKind {
  /** A token sees its own position and the window - 1 before it; absent: all. Pages wholly outside may be given back. */
  readonly window?: number;
}

export interface CacheSpec {
  readonly kind: "paged";
  readonly pageKind: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

export type Op =
  | EmbedOp
  | RmsNormOp
  | LayerNormOp
  | LinearOp
  | GluOp
  | ActivateOp
  | SoftCapOp
  | AddOp
  | RegroupOp
  | RouteOp
  | ExpertLinearOp
  | ExpertSumOp
  | RopeWriteOp
  | AttentionOp
  | GatherOp
  | SampleOp;

/** out[t] = scale * table[token of t], widened to f32. */
export interface EmbedOp {
  readonly op: "embed";
  readonly table: WeightId;
  /** Absent: 1. */
  readonly scale?: number;
  readonly out: View;
}

/**
 * Every slice of groupWidth columns by itself: out = x / sqrt(mean(x²) + eps) * weight. `weight` has groupWidth values.
 * groupWidth divides the width; it is the whole width for a layer's norm, the head dimension for a norm of queries or keys. `out` may be `input`.
 */
export interface RmsNormOp {
  readonly op: "rms-norm";
  readonly input: View;
  readonly weight: VectorId;
  readonly groupWidth: number;
  readonly eps: number;
  readonly out: View;
}

/** out = (x - mean(x)) / sqrt(variance(x) + eps) * weight + bias, over whole rows; the variance divides by the width. `out` may be `input`. */
export interface LayerNormOp {
  readonly op: "layer-norm";
  readonly input: View;
  readonly weight: VectorId;
  readonly bias: VectorId;
  readonly eps: number;
  readonly out: View;
}

/**
 * silu: x / (1 + e^-x). gelu: x * (1 + erf(x / sqrt(2))) / 2. gelu-tanh: x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x³))) / 2.
 */
export type Activation = "silu" | "gelu" | "gelu-tanh";

/**
 * How a gate meets what it gates. An activation: act(gate) * up. Clamped swiglu, of gpt-oss: with g = min(gate, limit) and
 * u = up within [-limit, limit], g / (1 + e^(-1.702 g)) * (u + 1).
 */
export type Glu = Activation | { readonly clampedAt: number };

/**
 * y[n] = scale * (sum over k of x[k] * w[n][k], + bias[n]); with `glu` then glu(y[n], y[n + N/2]) for n < N/2; + residual[n].
 * `residual` may be `out`; `input` may not.
 */
export interface LinearOp {
  readonly op: "linear";
  readonly input: View;
  readonly weight: WeightId;
  readonly bias?: VectorId;
  /** Absent: 1. */
  readonly scale?: number;
  readonly glu?: Glu;
  readonly residual?: View;
  readonly out: View;
}

/** out = glu(gate, up). What `glu` of a linear does, where gate and up could not become one linear. */
export interface GluOp {
  readonly op: "glu";
  readonly activation: Glu;
  readonly gate: View;
  readonly up: View;
  readonly out: View;
}

/** out = act(input). `out` may be `input`. */
export interface ActivateOp {
  readonly op: "activate";
  readonly activation: Activation;
  readonly input: View;
  readonly out: View;
}

/** out = cap * tanh(input / cap). `out` may be `input`. */
export interface SoftCapOp {
  readonly op: "soft-cap";
  readonly cap: number;
  readonly input: View;
  readonly out: View;
}

/** out = residual + input, or residual + input / (1 + e^-gate) with a gate of one column. `out` may be `residual`. */
export interface AddOp {
  readonly op: "add";
  readonly input: View;
  readonly gate?: View;
  readonly residual: View;
  readonly out: View;
}

/**
 * out[part][group][i] = input[group][part][i] for i < groupWidth: undoes the interleaving of fused linears, per head or per output.
 */
export interface RegroupOp {
  readonly op: "regroup";
  readonly input: View;
  readonly parts: number;
  readonly groupWidth: number;
  readonly out: View;
}

/**
 * Chooses experts. out = [topK expert indices, largest logit first and of equals the first; topK weights], all as numbers.
 * "softmax": the weights are the chosen experts' shares of a softmax over all logits. "normalized": those divided by their sum, which is
 * the softmax over the chosen logits.
 */
export interface RouteOp {
  readonly op: "route";
  readonly logits: View;
  readonly weighting: "softmax" | "normalized";
  readonly out: View;
}

/**
 * A linear for each of a token's chosen experts: out[j] = linear of expert routes[j] over the token's input, which is one for all
 * choices or, topK times as wide, one for each. Epilogues as in LinearOp, but for the residual. Weights are alike in both dimensions.
 */
export interface ExpertLinearOp {
  readonly op: "expert-linear";
  readonly input: View;
  /** What `route` wrote. */
  readonly routes: View;
  /** By expert. */
  readonly weights: readonly WeightId[];
  readonly biases?: readonly (VectorId | undefined)[];
  readonly glu?: Glu;
  readonly out: View;
}

/** out = residual + sum over choices j of weight[j] * input[j]; `residual` may be `out`, and absent it is 0. */
export interface ExpertSumOp {
  readonly op: "expert-sum";
  readonly input: View;
  readonly routes: View;
  readonly residual?: View;
  readonly out: View;
}

/**
 * Rotates q in place, and writes rotated k and v of every token into the cache at the token's position. What the view of k holds
 * afterwards is undefined.
 */
export interface RopeWriteOp {
  readonly op: "rope-write";
  readonly q: View;
  readonly k: View;
  readonly v: View;
  /** Absent: nothing is rotated, for layers without positions. */
  readonly rope?: RopeId;
  readonly cache: CacheId;
}

/**
 * out[head] = sum over positions p that the token may see of softmax(scale * q[head] · k[p][head / (heads / kvHeads)]) * v[p].
 * It sees positions up to its own, of its own sequence, as far as the cache's window. With `softCap` a score s becomes
 * softCap * tanh(s / softCap); with `sinks` the softmax counts e^sinks[head] as one more position, of value 0.
 */
export interface AttentionOp {
  readonly op: "attention";
  readonly q: View;
  readonly cache: CacheId;
  readonly scale: number;
  readonly softCap?: number;
  /** [heads]. */
  readonly sinks?: VectorId;
  readonly out: View;
}

/** out[r] = input[outputs[r]]: from "tokens" rows to "outputs" rows. */
export interface GatherOp {
  readonly op: "gather";
  readonly input: View;
  readonly out: View;
}

/**
 * Draws one token for every output by the step's sampling arrays (sampling.ts) and remembers a sequence's last in its slot. A program has
 * at most one of these, and a step's logits are what it reads.
 */
export interface SampleOp {
  readonly op: "sample";
  readonly logits: View;
}
