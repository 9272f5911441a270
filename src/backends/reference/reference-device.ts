import type { Device, Executable, PreparedWeight, ProgramBinding, WeightUse } from "../../device/backend.ts";
import { checkBinding } from "../../device/check-program.ts";
import { chooseKernel, type Kernel, type KernelChoice } from "../../device/kernel-choice.ts";
import { partNames } from "../../device/part-names.ts";
import type { CacheSpec } from "../../device/program.ts";
import { OutOfMemoryError, RequestError } from "../../util/errors.ts";
import { checkWeight } from "../../weights/check-weight.ts";
import { dequantizeRows } from "../../weights/dequantize.ts";
import { describeSummary, type FloatType, type PackedWeight, type WeightSummary } from "../../weights/packed-weight.ts";
import { checkPositions } from "../../weights/sparse-24.ts";
import { pageBytes, PagedCache, pageSize } from "./paged-cache.ts";
import { ReferenceExecutable } from "./reference-executable.ts";
import { Rounding } from "./rounding.ts";
import type { Matrix } from "./running-step.ts";
import { TimeSlice } from "./time-slice.ts";

/** Dequantizes every scheme to f32 when it is prepared, and then multiplies. */
const linearKernels: readonly Kernel<readonly WeightSummary[]>[] = [
  { name: "linear_dense32", refuses: (parts) => refusesInputs(parts) },
];

/** Weights that are dequantized before the event loop gets a turn: some 10 ms. */
const dequantizedAtOnce = 1 << 19;

export class ReferenceDevice implements Device {
  readonly backend = "reference";
  readonly description: string;
  readonly threads = 1;
  readonly dtype: FloatType;
  readonly activations = "f32";
  readonly cacheType = "f32";
  readonly pageSize = pageSize;

  constructor(dtype: FloatType) {
    this.dtype = dtype;
    this.description = `plain TypeScript, 1 thread, ${dtype}`;
  }

  chooseLinear(parts: readonly WeightSummary[]): KernelChoice {
    return chooseKernel(linearKernels, parts, parts.map(describeSummary).join(" + "));
  }

  refusesToFuse(parts: readonly PackedWeight[]): string | undefined {
    return refusesInputs(parts);
  }

  async prepare(
    parts: readonly PackedWeight[],
    _use?: WeightUse,
    names: readonly string[] = partNames(parts),
  ): Promise<PreparedWeight> {
    parts.forEach((part, i) => {
      checkWeight(part, names[i]);
      checkPositions(part, names[i]);
    });
    const weight = this.#allocate(parts);
    const { inFeatures, values } = weight.matrix;
    const slice = new TimeSlice();
    const rowsAtOnce = Math.ceil(dequantizedAtOnce / inFeatures);
    let filled = 0;
    for (const part of parts)
      for (let start = 0; start < part.outFeatures; start += rowsAtOnce) {
        const rows = dequantizeRows(part, start, Math.min(start + rowsAtOnce, part.outFeatures));
        values.set(rows, filled);
        filled += rows.length;
        if (slice.isSpent) await slice.rest();
      }
    return weight;
  }

  async reserve(parts: readonly PackedWeight[]): Promise<PreparedWeight> {
    return this.#allocate(parts);
  }

  pageBytes(cache: CacheSpec): number {
    return pageBytes(cache);
  }

  async load(binding: ProgramBinding): Promise<Executable> {
    checkBinding(binding, pageSize);
    const { program, vectors, limits } = binding;
    const weights = binding.weights.map((weight, i) => {
      const { inFeatures, outFeatures } = program.weights[i];
      if (!(weight instanceof ReferenceWeight) || weight.device !== this)
        throw new RequestError(`load: weight ${i} was prepared by another device`);
      const { matrix } = weight;
      if (matrix.inFeatures !== inFeatures || matrix.outFeatures !== outFeatures)
        throw new RequestError(
          `load: weight ${i} is ${matrix.inFeatures} → ${matrix.outFeatures}, the program has ${inFeatures} → ${outFeatures}`,
        );
      return matrix;
    });
    const rows = { tokens: limits.maxTokens, outputs: limits.maxOutputs };
    const memory = allocate(
      () => ({
        program,
        weights,
        vectors,
        buffers: program.buffers.map((buffer) => new Float32Array(rows[buffer.rows] * buffer.width)),
        caches: program.caches.map((cache) => new PagedCache(cache, limits.pageCounts[cache.pageKind])),
        lastSamples: new Int32Array(limits.maxSequences),
        rounding: new Rounding(program, this.dtype),
      }),
      "the program's buffers and caches",
    );
    return new ReferenceExecutable(memory, limits);
  }

  #allocate(parts: readonly PackedWeight[]): ReferenceWeight {
    const refusal = refusesInputs(parts);
    if (refusal !== undefined) throw new RequestError(`prepare: ${refusal}`);
    const [{ inFeatures }] = parts;
    const outFeatures = parts.reduce((sum, part) => sum + part.outFeatures, 0);
    const values = allocate(
      () => new Float32Array(inFeatures * outFeatures),
      `a weight ${inFeatures} → ${outFeatures}`,
    );
    return new ReferenceWeight(this, { inFeatures, outFeatures, values });
  }

  /** Nothing outlives its owner here: all memory is the garbage collector's. */
  async [Symbol.asyncDispose](): Promise<void> {}
}

class ReferenceWeight implements PreparedWeight {
  readonly kernel = linearKernels[0].name;
  readonly byteLength: number;
  readonly keepsBytes = false;
  readonly device: ReferenceDevice;
  #matrix: Matrix | undefined;

  constructor(device: ReferenceDevice, matrix: Matrix) {
    this.device = device;
    this.byteLength = matrix.values.byteLength;
    this.#matrix = matrix;
  }

  /** Throws RequestError after disposal. */
  get matrix(): Matrix {
    if (this.#matrix === undefined) throw new RequestError("load: a weight was disposed of before");
    return this.#matrix;
  }

  [Symbol.dispose](): void {
    this.#matrix = undefined;
  }
}

function refusesInputs(parts: readonly { readonly inFeatures: number }[]): string | undefined {
  if (parts.length === 0) return "there are no parts";
  const other = parts.find(({ inFeatures }) => inFeatures !== parts[0].inFeatures);
  return other && `one part has ${parts[0].inFeatures} input features, another ${other.inFeatures}`;
}

function allocate<T>(make: () => T, what: string): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new OutOfMemoryError(`${what} cannot be allocated: ${error.message}`, { cause: error });
  }
}
