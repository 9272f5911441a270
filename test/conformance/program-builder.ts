import type { Device, Executable, PreparedWeight } from "../../src/device/backend.ts";
import type {
  BufferRows,
  BufferSpec,
  CacheId,
  CacheSpec,
  Op,
  PageKind,
  Program,
  RopeId,
  RopeSpec,
  VectorId,
  VectorSpec,
  View,
  WeightId,
  WeightSpec,
} from "../../src/device/program.ts";
import type { StepLimits } from "../../src/device/step.ts";
import { bytesOf } from "../../src/util/bytes.ts";
import { summarize, type FloatType, type PackedWeight } from "../../src/weights/packed-weight.ts";

/**
 * Columns that nobody writes beside every buffer that a test makes: rows are further apart than they are wide. Kernels of halves read 16 bytes
 * at a time, and refuse what begins elsewhere.
 */
const margins = { f32: 3, f16: 8, bf16: 8 } as const;

/** Writes a program op by op, for tests. Data are given with what uses them. The vocabulary is as large as what is reported needs. */
export class ProgramBuilder {
  readonly #buffers: BufferSpec[] = [];
  readonly #packed: (readonly PackedWeight[])[] = [];
  readonly #tables = new Map<WeightId, { readonly values: Float32Array; readonly width: number }>();
  readonly #heads = new Set<WeightId>();
  readonly #vectors: Float32Array[] = [];
  readonly #ropes: RopeSpec[] = [];
  readonly #pageKinds: PageKind[] = [];
  readonly #caches: CacheSpec[] = [];
  readonly #ops: Op[] = [];
  #vocabSize: number;
  #hidden: View | undefined;
  readonly #margin: number;

  /** Tokens are from 0 to `tokenCount` - 1; `dtype` is that of the device that the program is for. */
  constructor(tokenCount: number, dtype: FloatType = "f32") {
    this.#vocabSize = tokenCount;
    this.#margin = margins[dtype];
  }

  get vocabSize(): number {
    return this.#vocabSize;
  }

  get pageKinds(): readonly PageKind[] {
    return this.#pageKinds;
  }

  /** A new buffer; the view leaves some columns out at both sides. */
  buffer(width: number, rows: BufferRows = "tokens"): View {
    const buffer =
      this.#buffers.push({ name: `buffer${this.#buffers.length}`, rows, width: width + 2 * this.#margin }) - 1;
    return { buffer, offset: this.#margin, width };
  }

  weight(...parts: readonly PackedWeight[]): WeightId {
    return this.#packed.push(parts) - 1;
  }

  /** A weight that makes logits, whatever else it is. */
  head(weight: PackedWeight): WeightId {
    const id = this.weight(weight);
    this.#heads.add(id);
    return id;
  }

  vector(values: Float32Array): VectorId {
    return this.#vectors.push(values) - 1;
  }

  rope(rope: RopeSpec): RopeId {
    return this.#ropes.push(rope) - 1;
  }

  /** A cache with a page kind of its own. */
  cache(cache: Omit<CacheSpec, "kind" | "pageKind">, kind: PageKind = {}): CacheId {
    const pageKind = this.#pageKinds.push(kind) - 1;
    return this.#caches.push({ kind: "paged", pageKind, ...cache }) - 1;
  }

  op(op: Op): this {
    this.#ops.push(op);
    return this;
  }

  /** Fills a view, by default a new one, with row `id` of `values` [ids][width] for every token `id`. */
  input(values: Float32Array, width: number, out = this.buffer(width)): View {
    const table = this.weight();
    this.#tables.set(table, { values, width });
    this.op({ op: "embed", table, out });
    return out;
  }

  /** Ends the program: the first columns of what a step reports as logits are those of a view of tokens, the others 0. */
  report(view: View): this {
    this.#vocabSize = Math.max(this.#vocabSize, view.width);
    const logits = this.buffer(this.vocabSize, "outputs");
    this.op({ op: "gather", input: view, out: { ...logits, width: view.width } });
    return this.op({ op: "sample", logits });
  }

  /** Makes the buffer of a view of outputs, margins and all, what a step reports as hidden states. Returns the whole of it. */
  reportHidden({ buffer }: View): View {
    this.#hidden = { buffer, offset: 0, width: this.#buffers[buffer].width };
    return this.#hidden;
  }

  program(): Program {
    return {
      buffers: this.#buffers,
      weights: this.#weights().map((parts, i): WeightSpec => ({
        parts: parts.map((_, part) => `weight${i}.${part}`),
        inFeatures: parts[0].inFeatures,
        outFeatures: parts.reduce((sum, { outFeatures }) => sum + outFeatures, 0),
        summaries: parts.map(summarize),
      })),
      vectors: this.#vectors.map(({ length }, i): VectorSpec => ({ name: `vector${i}`, length })),
      ropes: this.#ropes,
      pageKinds: this.#pageKinds,
      caches: this.#caches,
      ops: this.#ops,
      vocabSize: this.#vocabSize,
      ...(this.#hidden && { hidden: this.#hidden }),
    };
  }

  /** Prepares copies of the weights, since a device takes what it prepares, and loads the program. */
  async load(device: Device, limits: Omit<StepLimits, "pageSize">): Promise<LoadedProgram> {
    const weights: PreparedWeight[] = [];
    for (const [id, parts] of this.#weights().entries()) {
      const copies = parts.map((part) => structuredClone(part));
      weights.push(await device.prepare(copies, this.#heads.has(id) ? "head" : "linear"));
    }
    const binding = {
      program: this.program(),
      weights,
      vectors: this.#vectors,
      limits: { ...limits, pageSize: device.pageSize },
    };
    return new LoadedProgram(await device.load(binding), weights);
  }

  /** Tables of inputs get zero rows for the ids that no test uses. */
  #weights(): (readonly PackedWeight[])[] {
    return this.#packed.map((parts, id) => {
      const table = this.#tables.get(id);
      if (table === undefined) return parts;
      const values = new Float32Array(this.#vocabSize * table.width);
      values.set(table.values);
      const dense = { scheme: "dense", type: "f32", values: bytesOf(values) } as const;
      return [{ ...dense, inFeatures: table.width, outFeatures: this.#vocabSize }];
    });
  }
}

/** An executable and the weights that it borrows. */
export class LoadedProgram implements AsyncDisposable {
  readonly executable: Executable;
  readonly #weights: readonly PreparedWeight[];

  constructor(executable: Executable, weights: readonly PreparedWeight[]) {
    this.executable = executable;
    this.#weights = weights;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.executable[Symbol.asyncDispose]();
    for (const weight of this.#weights) weight[Symbol.dispose]();
  }
}
