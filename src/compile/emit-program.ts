import type {
  BufferRows,
  BufferSpec,
  CacheId,
  CacheSpec,
  Glu,
  LinearOp,
  Op,
  PageKind,
  Program,
  VectorId,
  View,
} from "../device/program.ts";
import type {
  AttentionLayer,
  EmbeddingLayer,
  Expert,
  ExpertsLayer,
  HeadLayer,
  Layer,
  LinearModule,
  MlpLayer,
  Model,
  Norm,
  Projection,
  Sublayer,
} from "../models/model.ts";
import { UnsupportedError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";
import {
  embeddingProjection,
  normBias,
  normWeight,
  projectionKey,
  type BoundLinear,
  type WeightTable,
} from "./model-weights.ts";

/**
 * The ops of a model over its weights, layer by layer.
 *
 * After its last attention a token matters only if its logits are wanted, for no later position looks at it any more: what that attention
 * made, and the residual, are gathered to rows of outputs, and all that follows runs on these alone.
 * Layers share buffers: one of each name, as wide as the widest layer needs.
 */
export function emitProgram(model: Model, table: WeightTable): Program {
  const emitter = new Emitter(model, table);
  const lastAttention = model.layers.findLastIndex(({ kind }) => kind === "attention");
  model.layers.forEach((layer, index) => {
    switch (layer.kind) {
      case "embedding":
        return emitter.embedding(layer);
      case "attention":
        return emitter.attention(layer, index === lastAttention, parallelTo(model.layers[index + 1]));
      case "mlp":
        return emitter.mlp(layer);
      case "experts":
        return emitter.experts(layer);
      case "norm":
        return emitter.norm(layer.norm);
      case "head":
        return emitter.head(layer);
    }
  });
  return emitter.program();
}

/** The layer after an attention, if both read the same x. */
function parallelTo(next: Layer | undefined): MlpLayer | undefined {
  return next?.kind === "mlp" && next.isParallel ? next : undefined;
}

class Emitter {
  readonly #model: Model;
  readonly #table: WeightTable;
  readonly #buffers: BufferSpec[] = [];
  readonly #pageKinds: PageKind[] = [];
  readonly #caches: CacheSpec[] = [];
  readonly #ops: Op[] = [];
  #rows: BufferRows = "tokens";
  /** What the head reads. */
  #reported: View | undefined;
  /** What a parallel MLP reads, from before the attention that it goes with. */
  #parallelInput: View | undefined;

  constructor(model: Model, table: WeightTable) {
    this.#model = model;
    this.#table = table;
  }

  program(): Program {
    return {
      buffers: this.#buffers,
      weights: this.#table.weights,
      vectors: this.#table.vectors,
      ropes: this.#model.ropes,
      pageKinds: this.#pageKinds,
      caches: this.#caches,
      ops: this.#ops,
      vocabSize: this.#model.vocabSize,
      ...(this.#reported !== undefined && { hidden: this.#reported }),
    };
  }

  embedding({ module, scale }: EmbeddingLayer): void {
    const [{ weight }] = this.#linears(embeddingProjection(this.#model, module));
    this.#ops.push({ op: "embed", table: weight, ...(scale !== undefined && { scale }), out: this.#hidden() });
  }

  attention(layer: AttentionLayer, isLast: boolean, parallel: MlpLayer | undefined): void {
    const { heads, kvHeads, headDim } = layer;
    const input = this.#normed(layer, "normed");
    if (parallel !== undefined) {
      const isShared = parallel.norm?.module === layer.norm?.module;
      this.#parallelInput = isShared ? input : this.#normed(parallel, "parallel-normed");
    }
    const qkv = this.#buffer("qkv", (heads + 2 * kvHeads) * headDim);
    const q = slice(qkv, 0, heads * headDim);
    const k = slice(qkv, q.width, kvHeads * headDim);
    const v = slice(qkv, q.width + k.width, kvHeads * headDim);
    this.#projectParts(layer.qkv, 3, input, qkv);
    const spanOf = (view: View): number => (layer.normsSpan === "projection" ? view.width : headDim);
    if (layer.queryNorm !== undefined) this.#norm(layer.queryNorm, q, q, spanOf(q));
    if (layer.keyNorm !== undefined) this.#norm(layer.keyNorm, k, k, spanOf(k));
    const cache = this.#cache(layer);
    this.#ops.push({ op: "rope-write", q, k, v, ...(layer.rope !== undefined && { rope: layer.rope }), cache });
    let attended = this.#buffer("attention", q.width);
    this.#ops.push({
      op: "attention",
      q,
      cache,
      scale: layer.scale,
      ...(layer.softCap !== undefined && { softCap: layer.softCap }),
      ...(layer.sinks !== undefined && { sinks: this.#tensor(layer.sinks) }),
      out: attended,
    });
    if (isLast) attended = this.#gatherOutputs(attended);
    this.#finish(layer, layer.output, attended);
  }

  mlp(layer: MlpLayer): void {
    const input = layer.isParallel
      ? found(this.#parallelInput, "a parallel MLP without attention before it")
      : this.#normed(layer, "normed");
    this.#finish(layer, layer.down, this.#inner(layer, input));
  }

  experts(layer: ExpertsLayer): void {
    const { router, choices, weighting, experts, shared } = layer;
    const input = this.#normed(layer, "normed");
    const logits = this.#buffer("router", experts.length);
    this.#project([router], input, logits);
    const routes = this.#buffer("routes", 2 * choices);
    this.#ops.push({ op: "route", logits, weighting, out: routes });
    const inner = this.#expertInner(experts, input, routes);
    const outputs = this.#buffer("experts", choices * this.#model.hiddenSize);
    const downs = experts.map(({ down }) => [down]);
    this.#expertLinears(downs, inner, routes, outputs, choices);
    const hidden = this.#hidden();
    this.#ops.push({ op: "expert-sum", input: outputs, routes, residual: hidden, out: hidden });
    if (shared === undefined) return;
    const gate = this.#buffer("shared-gate", 1);
    this.#project([shared.gate], input, gate);
    const sharedInner = this.#inner({ inner: shared, down: shared.down }, input);
    const sharedOut = this.#buffer("sublayer", this.#model.hiddenSize);
    this.#project([shared.down], sharedInner, sharedOut);
    this.#ops.push({ op: "add", input: sharedOut, gate, residual: hidden, out: hidden });
  }

  norm(norm: Norm): void {
    const hidden = this.#hidden();
    this.#norm(norm, hidden, hidden);
  }

  head({ linear, scale, softCap }: HeadLayer): void {
    // A model that has no attention to gather behind has only rows of tokens.
    if (this.#rows === "outputs") this.#reported = this.#hidden();
    const logits = this.#buffer("logits", linear.outFeatures);
    this.#project([linear], this.#hidden(), logits, { scale });
    if (softCap !== undefined) this.#ops.push({ op: "soft-cap", cap: softCap, input: logits, out: logits });
    this.#ops.push({ op: "sample", logits });
  }

  /** What a sublayer reads: the residual stream, through its norm if it has one. */
  #normed({ norm }: Sublayer, name: string): View {
    const hidden = this.#hidden();
    if (norm === undefined) return hidden;
    const normed = this.#buffer(name, hidden.width);
    this.#norm(norm, hidden, normed);
    return normed;
  }

  #norm({ kind, module, eps }: Norm, input: View, out: View, groupWidth = input.width): void {
    const weight = this.#tensor(normWeight(module));
    if (kind === "layer")
      this.#ops.push({ op: "layer-norm", input, weight, bias: this.#tensor(normBias(module)), eps, out });
    else this.#ops.push({ op: "rms-norm", input, weight, groupWidth, eps, out });
  }

  #tensor(tensor: string): VectorId {
    return found(this.#table.tensors.get(tensor), tensor);
  }

  /** Adds a sublayer's last linear to the residual stream, by its scale or through its norm. */
  #finish({ postNorm, residualScale }: Sublayer, last: LinearModule, input: View): void {
    const hidden = this.#hidden();
    if (postNorm === undefined) return this.#project([last], input, hidden, { residual: hidden, scale: residualScale });
    const out = this.#buffer("sublayer", hidden.width);
    this.#project([last], input, out);
    this.#norm(postNorm, out, out);
    this.#ops.push({ op: "add", input: out, residual: hidden, out: hidden });
  }

  /** The widened features of an MLP, after its activation. */
  #inner({ inner, down }: Pick<MlpLayer, "inner" | "down">, input: View): View {
    const out = this.#buffer("mlp", down.inFeatures);
    if ("up" in inner) {
      this.#project([inner.up], input, out);
      this.#ops.push({ op: "activate", activation: inner.activation, input: out, out });
      return out;
    }
    const linears = this.#linears(inner.gateUp);
    if (linears.length === 1 && linears[0].interleavedBy === undefined) {
      this.#linear(linears[0], input, out, { glu: inner.activation });
      return out;
    }
    const gateUp = this.#buffer("gate-up", 2 * out.width);
    this.#projectParts(inner.gateUp, 2, input, gateUp);
    this.#glu(inner.activation, gateUp, out);
    return out;
  }

  /** As #inner, of every chosen expert: the features of one after those of the other. */
  #expertInner(experts: readonly Expert[], input: View, routes: View): View {
    const [{ activation, down }] = experts;
    const choices = routes.width / 2;
    const out = this.#buffer("experts-mlp", choices * down.inFeatures);
    const projections = experts.map(({ gateUp }) => gateUp);
    const [[first, ...others]] = projections.map((projection) => this.#linears(projection));
    if (others.length === 0 && first.interleavedBy === undefined) {
      this.#expertLinears(projections, input, routes, out, choices, activation);
      return out;
    }
    const gateUp = this.#buffer("experts-gate-up", 2 * out.width);
    const { interleavedBy } = first;
    const fused = interleavedBy === undefined ? gateUp : this.#buffer("interleaved", gateUp.width);
    this.#expertLinears(projections, input, routes, fused, choices);
    if (interleavedBy !== undefined)
      this.#ops.push({ op: "regroup", input: fused, parts: 2, groupWidth: interleavedBy, out: gateUp });
    this.#glu(activation, gateUp, out);
    return out;
  }

  /** One op for each linear that all experts' projections came to; the outputs of each lie side by side, expert after expert. */
  #expertLinears(
    projections: readonly Projection[],
    input: View,
    routes: View,
    out: View,
    choices: number,
    glu?: Glu,
  ): void {
    const ofExperts = projections.map((projection) => this.#linears(projection));
    const [first] = ofExperts;
    let offset = 0;
    first.forEach(({ outFeatures }, i) => {
      const linears = ofExperts.map((ofExpert, expert) => {
        if (ofExpert.length === first.length && ofExpert[i].outFeatures === outFeatures) return ofExpert[i];
        const [one, other] = [projections[0], projections[expert]].map((projection) => quote(projection[0].module));
        throw new UnsupportedError(
          `experts that are quantized in different ways are not supported, as ${one} and ${other} are`,
        );
      });
      const width = (choices * outFeatures) / (glu === undefined ? 1 : 2);
      this.#ops.push({
        op: "expert-linear",
        input,
        routes,
        weights: linears.map(({ weight }) => weight),
        ...(linears.some(({ bias }) => bias !== undefined) && { biases: linears.map(({ bias }) => bias) }),
        ...(glu !== undefined && { glu }),
        out: slice(out, offset, width),
      });
      offset += width;
    });
  }

  /** out = glu(first half, second half). */
  #glu(activation: Glu, gateUp: View, out: View): void {
    const [gate, up] = [0, out.width].map((start) => slice(gateUp, start, out.width));
    this.#ops.push({ op: "glu", activation, gate, up, out });
  }

  /** out = projection(input), with the outputs of its parts one after the other even where the file has them interleaved. */
  #projectParts(projection: Projection, parts: number, input: View, out: View): void {
    const [{ interleavedBy }] = this.#linears(projection);
    if (interleavedBy === undefined) return this.#project(projection, input, out);
    const fused = this.#buffer("interleaved", out.width);
    this.#project(projection, input, fused);
    this.#ops.push({ op: "regroup", input: fused, parts, groupWidth: interleavedBy, out });
  }

  /** out = scale * projection(input) + residual: the linears of a projection, each into its slice. */
  #project(projection: Projection, input: View, out: View, { scale, residual }: ProjectOptions = {}): void {
    let offset = 0;
    for (const linear of this.#linears(projection)) {
      const columns = (view: View): View => slice(view, offset, linear.outFeatures);
      this.#linear(linear, input, columns(out), {
        ...(scale !== undefined && { scale }),
        ...(residual && { residual: columns(residual) }),
      });
      offset += linear.outFeatures;
    }
  }

  #linear(
    { weight, bias }: BoundLinear,
    input: View,
    out: View,
    epilogue: Pick<LinearOp, "glu" | "residual" | "scale">,
  ): void {
    this.#ops.push({ op: "linear", input, weight, ...(bias !== undefined && { bias }), ...epilogue, out });
  }

  #linears(projection: Projection): readonly BoundLinear[] {
    const key = projectionKey(projection);
    return found(this.#table.linears.get(key), key);
  }

  /** From here on rows are outputs. Returns what became of `view`. */
  #gatherOutputs(view: View): View {
    const { name } = this.#buffers[view.buffer];
    const hidden = this.#hidden();
    this.#rows = "outputs";
    const gather = (input: View, out: View): View => {
      this.#ops.push({ op: "gather", input, out });
      return out;
    };
    const gathered = gather(view, this.#buffer(name, view.width));
    gather(hidden, this.#hidden());
    const parallel = this.#parallelInput;
    if (parallel !== undefined)
      this.#parallelInput = gather(parallel, this.#buffer(this.#buffers[parallel.buffer].name, parallel.width));
    return gathered;
  }

  #cache({ window, kvHeads, headDim }: AttentionLayer): CacheId {
    let pageKind = this.#pageKinds.findIndex((kind) => kind.window === window);
    if (pageKind < 0) pageKind = this.#pageKinds.push(window === undefined ? {} : { window }) - 1;
    return this.#caches.push({ kind: "paged", pageKind, kvHeads, headDim }) - 1;
  }

  #hidden(): View {
    return this.#buffer("hidden", this.#model.hiddenSize);
  }

  /** The first `width` columns of the buffer of that name for the present kind of rows. */
  #buffer(name: string, width: number): View {
    const rows = this.#rows;
    let buffer = this.#buffers.findIndex((spec) => spec.name === name && spec.rows === rows);
    if (buffer < 0) buffer = this.#buffers.push({ name, rows, width }) - 1;
    if (this.#buffers[buffer].width < width) this.#buffers[buffer] = { name, rows, width };
    return { buffer, offset: 0, width };
  }
}

interface ProjectOptions {
  /** Absent: 1. */
  readonly scale?: number | undefined;
  readonly residual?: View;
}

function slice({ buffer, offset }: View, start: number, width: number): View {
  return { buffer, offset: offset + start, width };
}

/** What loading put into the table for every name of the model. */
function found<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new TypeError(`no weight was bound to ${name}`);
  return value;
}
