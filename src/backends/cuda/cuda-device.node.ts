import type {
  ActivationType,
  FloatCacheType,
  Device,
  DeviceMemory,
  Executable,
  PreparedWeight,
  ProgramBinding,
  WeightUse,
} from "../../device/backend.ts";
import { checkBinding } from "../../device/check-program.ts";
import type { KernelChoice } from "../../device/kernel-choice.ts";
import { partNames } from "../../device/part-names.ts";
import type { BufferId, CacheSpec, ExpertLinearOp, Program, View } from "../../device/program.ts";
import type { StepLimits } from "../../device/step.ts";
import { RequestError, UnsupportedError } from "../../util/errors.ts";
import { checkWeight } from "../../weights/check-weight.ts";
import { haveSameRowOrder } from "../../weights/same-row-order.ts";
import { checkPositions } from "../../weights/sparse-24.ts";
import {
  floatBytes,
  summarize,
  type FloatType,
  type PackedWeight,
  type WeightSummary,
} from "../../weights/packed-weight.ts";
import { formatCapability, type CudaContext } from "./cuda-context.node.ts";
import { CudaExecutable } from "./cuda-executable.node.ts";
import type { LoadedProgram, ReportedRows } from "./loaded-program.ts";
import { CudaWeight, type CudaWeightShape } from "./cuda-weight.node.ts";
import { sharedTileBytes } from "./affine-linear.ts";
import { sampleBlocks, type ProgramPlaces } from "./encode-op.ts";
import { chooseLinearKernel, type LinearKernelName } from "./linear-kernels.ts";
import { makeRecords } from "./make-records.node.ts";
import { MemoryPlan } from "./memory-plan.ts";
import { planOps, splitBytes } from "./plan-op.ts";
import { floatTypeCodes, weightImage } from "./weight-image.ts";

/** kPagePositions of native/cuda/params.h. */
const pagePositions = 32;

/** Rows of a step are the second dimension of most grids. */
const mostRows = 65_535;

export interface CudaDeviceSettings {
  readonly dtype: FloatType;
  readonly cacheType: FloatCacheType;
}

/** One GPU. All arithmetic happens in native/cuda; what reaches it has been checked here. */
export class CudaDevice implements Device {
  readonly backend = "cuda";
  readonly description: string;
  readonly threads = 1;
  readonly dtype: FloatType;
  readonly activations: ActivationType = "f32";
  readonly cacheType: FloatCacheType;
  readonly pageSize = pagePositions;
  /** Weights are unpacked once for all rows of a product, and a kernel's beginning and end cost some microseconds whatever it does. */
  readonly stepTokens = 2048;
  readonly #context: CudaContext;
  #isClosed = false;

  /** Takes the context. */
  constructor(context: CudaContext, { dtype, cacheType }: CudaDeviceSettings) {
    this.#context = context;
    this.dtype = dtype;
    this.cacheType = cacheType;
    const { name, capability } = context.facts;
    this.description = `${name}, compute capability ${formatCapability(capability)}, ${dtype}`;
  }

  chooseLinear(parts: readonly WeightSummary[]): KernelChoice {
    return chooseLinearKernel(parts, { dtype: this.dtype, capability: this.#context.facts.capability });
  }

  refusesToFuse(parts: readonly PackedWeight[]): string | undefined {
    const [first, ...others] = parts.map(summarize);
    for (const other of others)
      for (const key of ["inFeatures", "scheme", "bits", "groupSize", "symmetric", "type"] as const)
        if (other[key] !== first[key]) return `${key} differs: ${String(first[key])} and ${String(other[key])}`;
    if (parts.some((part) => !haveSameRowOrder(part, parts[0]))) return "the parts permute their inputs differently";
    return undefined;
  }

  async prepare(
    parts: readonly PackedWeight[],
    _use?: WeightUse,
    names: readonly string[] = partNames(parts),
  ): Promise<PreparedWeight> {
    if (parts.length === 0) throw new RequestError("prepare: there are no parts");
    parts.forEach((part, i) => {
      checkWeight(part, names[i]);
      checkPositions(part, names[i]);
    });
    const refusal = this.refusesToFuse(parts);
    if (refusal !== undefined) throw new RequestError(`prepare: ${refusal}`);
    const kernel = this.chooseLinear(parts.map(summarize)).kernel as LinearKernelName;
    const image = weightImage(parts);
    const shape = shapeOf(parts);
    const memory = this.#context.allocate(image.byteLength, `a weight ${shape.inFeatures} → ${shape.outFeatures}`);
    const weight = new CudaWeight(this.#context, kernel, shape, memory, image);
    try {
      for (const { at, bytes } of image.arrays) await this.#context.upload(memory + BigInt(at), bytes);
      const descriptor = image.describe(memory);
      this.#context.write(weight.descriptor, descriptor, descriptor.length);
      return weight;
    } catch (error) {
      weight[Symbol.dispose]();
      throw error;
    }
  }

  memory(): DeviceMemory {
    return this.#context.memory();
  }

  pageBytes({ kvHeads, headDim }: CacheSpec): number {
    return 2 * kvHeads * pagePositions * headDim * floatBytes[this.cacheType];
  }

  async load(binding: ProgramBinding): Promise<Executable> {
    checkBinding(binding, pagePositions);
    const { program, limits } = binding;
    if (limits.maxTokens > mostRows)
      throw new UnsupportedError(`cuda: steps of ${limits.maxTokens} tokens; at most ${mostRows} are accepted`);
    const weights = binding.weights.map((weight, i) => this.#ownWeight(weight, program.weights[i], i));
    for (const op of program.ops) if (op.op === "expert-linear") checkAlike(program, op, weights);
    const loaded = this.#place(binding, weights, limits);
    try {
      return new CudaExecutable(this.#context, loaded, limits);
    } catch (error) {
      for (const memory of loaded.memory) this.#context.free(memory);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#context.close();
  }

  /** Allocates all that a program needs but for its weights, in one piece, and fills in what stays. */
  #place({ program, vectors }: ProgramBinding, weights: readonly CudaWeight[], limits: StepLimits): LoadedProgram {
    const plan = new MemoryPlan();
    const exact = exactBuffers(program);
    const typeOf = (buffer: BufferId): FloatType => (exact.has(buffer) ? "f32" : this.dtype);
    const rows = { tokens: limits.maxTokens, outputs: limits.maxOutputs };
    const buffersAt = program.buffers.map((buffer, id) =>
      plan.reserve(rows[buffer.rows] * buffer.width * floatBytes[typeOf(id)]),
    );
    const cachesAt = program.caches.map((cache) =>
      plan.reserve(limits.pageCounts[cache.pageKind] * this.pageBytes(cache)),
    );
    const vectorsAt = vectors.map((vector) => plan.put(vector));
    const ropesAt = program.ropes.map(({ variants }) =>
      plan.put(Float32Array.from(variants.flatMap(({ scale, inverseFrequencies }) => [scale, ...inverseFrequencies]))),
    );
    const lastSamplesAt = plan.put(new Int32Array(limits.maxSequences));
    const sample = program.ops.find((op) => op.op === "sample");
    const adjustedAt = plan.reserve(sample ? 4 * Math.min(sampleBlocks, limits.maxOutputs) * program.vocabSize : 0);
    const listsAt: number[] = [];
    for (const op of program.ops)
      if (op.op === "expert-linear") {
        listsAt.push(plan.reserve(8 * op.weights.length));
        if (op.biases) listsAt.push(plan.reserve(8 * op.weights.length));
      }

    const attentions = program.ops.flatMap((op) => {
      if (op.op !== "attention" || this.dtype === "f32") return [];
      const { kvHeads, headDim } = program.caches[op.cache];
      return [splitBytes(op.q.width / headDim, kvHeads, headDim)];
    });
    const sharesAt = plan.reserve(Math.max(0, ...attentions.map(({ shares }) => shares)));
    const arrivalsAt = plan.reserve(Math.max(0, ...attentions.map(({ arrivals }) => arrivals)));
    const recorded = weights.filter(({ kernel }) => kernel === "linear_affine_mma");
    const blocks = recorded.length > 0 ? this.#context.facts.multiprocessors : 0;
    const sumsAt = plan.reserve(blocks * sharedTileBytes);
    const flagsAt = plan.reserve(4 * blocks);
    const widest = recorded.map(({ shape }) => (shape.affine?.rowOrder ? Math.ceil(shape.inFeatures / 8) * 8 : 0));
    const orderedAt = plan.reserve(2 * Math.max(0, ...widest) * Math.max(rows.tokens, rows.outputs));

    const base = this.#context.allocate(plan.byteLength, "the program's buffers and caches");
    try {
      this.#context.fill(base, 0, plan.byteLength); // what a program reads without having written it is 0 on every device
      for (const { at, bytes } of plan.contents) this.#context.write(base + BigInt(at), bytes, bytes.length);
    } catch (error) {
      this.#context.free(base);
      throw error;
    }
    const at = (offset: number): bigint => base + BigInt(offset);
    const view: ProgramPlaces["view"] = ({ buffer, offset }) => ({
      base: at(buffersAt[buffer] + offset * floatBytes[typeOf(buffer)]),
      stride: program.buffers[buffer].width,
      type: floatTypeCodes[typeOf(buffer)],
    });
    const reportedRows = (rows: View): ReportedRows => ({
      base: view(rows).base,
      width: rows.width,
      stride: program.buffers[rows.buffer].width,
      type: typeOf(rows.buffer),
    });
    try {
      makeRecords(this.#context, { program, weights, dtype: this.dtype, view });
    } catch (error) {
      this.#context.free(base);
      throw error;
    }
    return {
      program,
      weights,
      memory: [base],
      byteLength: plan.byteLength,
      ...(sample && { logits: reportedRows(sample.logits) }),
      ...(program.hidden && { hidden: reportedRows(program.hidden) }),
      plan: (step) => {
        const lists = listsAt.values();
        return planOps({
          program,
          dtype: this.dtype,
          mostRows: rows,
          mostSequences: limits.maxSequences,
          multiprocessors: this.#context.facts.multiprocessors,
          sharedBytes: this.#context.facts.sharedBytes,
          tensorMap: (of) => this.#context.tensorMap(of),
          workspace: {
            sums: at(sumsAt),
            flags: at(flagsAt),
            ordered: at(orderedAt),
            shares: at(sharesAt),
            arrivals: at(arrivalsAt),
          },
          cacheType: this.cacheType,
          step,
          lastSamples: at(lastSamplesAt),
          adjusted: at(adjustedAt),
          weights,
          vectors: vectorsAt.map(at),
          ropes: ropesAt.map(at),
          caches: cachesAt.map(at),
          view,
          keep: (values) => {
            const to = at(lists.next().value ?? 0);
            this.#context.write(to, values, values.byteLength);
            return to;
          },
        });
      },
    };
  }

  #ownWeight(
    weight: PreparedWeight,
    spec: { readonly inFeatures: number; readonly outFeatures: number },
    index: number,
  ): CudaWeight {
    if (!(weight instanceof CudaWeight) || weight.context !== this.#context)
      throw new RequestError(`load: weight ${index} was prepared by another device`);
    const { inFeatures, outFeatures } = weight.shape;
    if (inFeatures !== spec.inFeatures || outFeatures !== spec.outFeatures)
      throw new RequestError(
        `load: weight ${index} is ${inFeatures} → ${outFeatures}, the program has ${spec.inFeatures} → ${spec.outFeatures}`,
      );
    return weight;
  }
}

/** Logits stay f32, as sampling and routing want them, and so do routes, which are indices in part. */
function exactBuffers({ ops }: Program): ReadonlySet<BufferId> {
  const exact = new Set<BufferId>();
  for (const op of ops) {
    if (op.op === "sample") exact.add(op.logits.buffer);
    if (op.op === "route") exact.add(op.logits.buffer).add(op.out.buffer);
  }
  return exact;
}

function shapeOf(parts: readonly PackedWeight[]): CudaWeightShape {
  const [first] = parts;
  const { scheme, inFeatures } = first;
  return {
    scheme,
    inFeatures,
    outFeatures: parts.reduce((sum, part) => sum + part.outFeatures, 0),
    ...(first.scheme === "dense" && { type: first.type }),
    ...(first.scheme === "affine-zero" && {
      affine: {
        bits: first.bits,
        groupSize: Math.min(first.groupSize, inFeatures),
        hasZeros: first.zeros !== undefined,
        scaleType: first.scaleType,
        rowOrder: first.rowOrder?.slice(),
        isDivided: parts.some((part) => part.scheme === "affine-zero" && part.divisor !== undefined),
      },
    }),
  };
}

/** One kernel takes all experts. */
function checkAlike({ weights }: Program, { weights: experts }: ExpertLinearOp, prepared: readonly CudaWeight[]): void {
  const [first] = experts;
  const other = experts.find((id) => prepared[id].kernel !== prepared[first].kernel);
  if (other !== undefined)
    throw new UnsupportedError(
      `cuda: experts that are stored in different ways do not run together: ${weights[first].parts[0]} has ` +
        `${prepared[first].kernel}, ${weights[other].parts[0]} ${prepared[other].kernel}`,
    );
}
