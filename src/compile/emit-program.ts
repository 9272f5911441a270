import type {
  BufferRows,
  BufferSpec,
  CacheId,
  CacheSpec,
  LinearOp,
  Op,
  PageKind,
  Program,
  View,
} from "../device/program.ts";
import type { AttentionLayer, HeadLayer, MlpLayer, Model, Projection, RmsNorm } from "../models/model.ts";
import { embeddingProjection, projectionKey, type BoundLinear, type WeightTable } from "./model-weights.ts";

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
        return emitter.embedding(layer.module);
      case "attention":
        return emitter.attention(layer, index === lastAttention);
      case "mlp":
        return emitter.mlp(layer);
      case "norm":
        return emitter.norm(layer.norm);
      case "head":
        return emitter.head(layer);
    }
  });
  return emitter.program();
}

class Emitter {
  readonly #model: Model;
  readonly #table: WeightTable;
  readonly #buffers: BufferSpec[] = [];
  readonly #pageKinds: PageKind[] = [];
  readonly #caches: CacheSpec[] = [];
  readonly #ops: Op[] = [];
  #rows: BufferRows = "tokens";

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
    };
  }

  embedding(module: string): void {
    const [{ weight }] = this.#linears(embeddingProjection(this.#model, module));
    this.#ops.push({ op: "embed", table: weight, out: this.#hidden() });
  }

  attention(layer: AttentionLayer, isLast: boolean): void {
    const { heads, kvHeads, headDim } = layer;
    const input = this.#normed(layer.norm);
    const qkv = this.#buffer("qkv", (heads + 2 * kvHeads) * headDim);
    const q = slice(qkv, 0, heads * headDim);
    const k = slice(qkv, q.width, kvHeads * headDim);
    const v = slice(qkv, q.width + k.width, kvHeads * headDim);
    this.#project(layer.qkv, input, qkv);
    if (layer.queryNorm !== undefined) this.#rmsNorm(layer.queryNorm, q, q, headDim);
    if (layer.keyNorm !== undefined) this.#rmsNorm(layer.keyNorm, k, k, headDim);
    const cache = this.#cache(layer);
    this.#ops.push({ op: "rope-write", q, k, v, rope: layer.rope, cache });
    let attended = this.#buffer("attention", q.width);
    this.#ops.push({ op: "attention", q, cache, scale: layer.scale, out: attended });
    if (isLast) attended = this.#gatherOutputs(attended);
    this.#project([layer.output], attended, this.#hidden(), this.#hidden());
  }

  mlp(layer: MlpLayer): void {
    const input = this.#normed(layer.norm);
    const out = this.#buffer("mlp", layer.down.inFeatures);
    const linears = this.#linears(layer.gateUp);
    if (linears.length === 1) {
      this.#linear(linears[0], input, out, { glu: layer.activation });
    } else {
      const gateUp = this.#buffer("gate-up", 2 * out.width);
      this.#project(layer.gateUp, input, gateUp);
      this.#ops.push({
        op: "glu",
        activation: layer.activation,
        gate: slice(gateUp, 0, out.width),
        up: slice(gateUp, out.width, out.width),
        out,
      });
    }
    this.#project([layer.down], out, this.#hidden(), this.#hidden());
  }

  norm(norm: RmsNorm): void {
    const hidden = this.#hidden();
    this.#rmsNorm(norm, hidden, hidden, hidden.width);
  }

  head(layer: HeadLayer): void {
    const logits = this.#buffer("logits", layer.linear.outFeatures);
    this.#project([layer.linear], this.#hidden(), logits);
    this.#ops.push({ op: "sample", logits });
  }

  #normed(norm: RmsNorm): View {
    const hidden = this.#hidden();
    const normed = this.#buffer("normed", hidden.width);
    this.#rmsNorm(norm, hidden, normed, hidden.width);
    return normed;
  }

  #rmsNorm({ module, eps }: RmsNorm, input: View, out: View, groupWidth: number): void {
    const weight = found(this.#table.norms.get(module), module);
    this.#ops.push({ op: "rms-norm", input, weight, groupWidth, eps, out });
  }

  /** out = projection(input), or residual + projection(input): the linears of a projection, each into its slice. */
  #project(projection: Projection, input: View, out: View, residual?: View): void {
    let offset = 0;
    for (const linear of this.#linears(projection)) {
      const columns = (view: View): View => slice(view, offset, linear.outFeatures);
      this.#linear(linear, input, columns(out), residual === undefined ? {} : { residual: columns(residual) });
      offset += linear.outFeatures;
    }
  }

  #linear({ weight, bias }: BoundLinear, input: View, out: View, epilogue: Pick<LinearOp, "glu" | "residual">): void {
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
    const gathered = this.#buffer(name, view.width);
    this.#ops.push({ op: "gather", input: view, out: gathered });
    this.#ops.push({ op: "gather", input: hidden, out: this.#hidden() });
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

function slice({ buffer, offset }: View, start: number, width: number): View {
  return { buffer, offset: offset + start, width };
}

/** What loading put into the table for every name of the model. */
function found<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new TypeError(`no weight was bound to ${name}`);
  return value;
}
