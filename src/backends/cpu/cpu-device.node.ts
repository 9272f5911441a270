import { totalmem } from "node:os";
import type {
  ActivationType,
  CacheType,
  Device,
  DeviceMemory,
  DeviceRates,
  HeadType,
  WeightUse,
  Executable,
  PreparedWeight,
  ProgramBinding,
} from "../../device/backend.ts";
import { checkBinding } from "../../device/check-program.ts";
import type { KernelChoice } from "../../device/kernel-choice.ts";
import { partNames } from "../../device/part-names.ts";
import type { CacheSpec, ExpertLinearOp, Program } from "../../device/program.ts";
import { counted } from "../../util/counted.ts";
import { OutOfMemoryError, RequestError, UnsupportedError } from "../../util/errors.ts";
import { checkWeight } from "../../weights/check-weight.ts";
import { haveSameRowOrder } from "../../weights/same-row-order.ts";
import { describeSummary, summarize, type PackedWeight, type WeightSummary } from "../../weights/packed-weight.ts";
import { allocateWeight } from "./allocate-weight.node.ts";
import { CpuExecutable } from "./cpu-executable.node.ts";
import { CpuWeight } from "./cpu-weight.node.ts";
import { haveSameTables } from "./coded-weight.ts";
import { encodeProgram } from "./encode-program.ts";
import { chooseLinearKernel, type LinearKernelName } from "./linear-kernels.ts";
import { NativeDevice } from "./native-device.node.ts";
import type { NativeLibrary } from "./native-library.node.ts";

/** FB_TILE and FB_PAGE of native/cpu/fewbit_cpu.h. */
const tileOutputs = 16;
const pagePositions = 32;

/** FB_KEPT_GROUP of native/cpu/kernels.h, and the bytes of an element of a cache. */
const keptGroup = 32;
const keptBytes: Readonly<Record<CacheType, number>> = { f32: 4, f16: 2, int8: 1 };

export interface CpuDeviceSettings {
  readonly isa: string;
  readonly threads: number;
  /** Whether its threads are those of all devices that share as many; their steps then take turns. */
  readonly sharesThreads: boolean;
  readonly activations: ActivationType;
  readonly cacheType: CacheType;
  readonly headType: HeadType;
}

/** Threads and kernels of one instruction set. All arithmetic happens in native/cpu; what reaches it has been checked here. */
export class CpuDevice implements Device {
  readonly backend = "cpu";
  readonly description: string;
  readonly threads: number;
  readonly dtype = "f32";
  readonly activations: ActivationType;
  readonly cacheType: CacheType;
  readonly headType: HeadType;
  readonly pageSize = pagePositions;
  readonly #library: NativeLibrary;
  readonly #device: NativeDevice;
  /** They end with the device, which runs their steps. */
  readonly #executables = new Set<CpuExecutable>();

  /** Throws OutOfMemoryError where the threads cannot be started. */
  constructor(library: NativeLibrary, settings: CpuDeviceSettings) {
    const { isa, threads, sharesThreads, activations, cacheType, headType } = settings;
    this.#library = library;
    this.threads = threads;
    this.activations = activations;
    this.cacheType = cacheType;
    this.headType = headType;
    this.description = `${isa}, ${counted(threads, "thread")}`;
    this.#device = new NativeDevice(library, threads, isa, sharesThreads);
  }

  chooseLinear(parts: readonly WeightSummary[], use: WeightUse = "linear"): KernelChoice {
    return chooseLinearKernel({ parts, activations: this.activations, use, headType: this.headType });
  }

  refusesToFuse(parts: readonly PackedWeight[]): string | undefined {
    const [first, ...others] = parts.map(summarize);
    const ragged = parts.slice(0, -1).find(({ outFeatures }) => outFeatures % tileOutputs !== 0);
    if (ragged !== undefined) return `a part has ${ragged.outFeatures} outputs, not a multiple of ${tileOutputs}`;
    for (const other of others)
      for (const key of ["inFeatures", "scheme", "bits", "groupSize", "symmetric", "type"] as const)
        if (other[key] !== first[key]) return `${key} differs: ${String(first[key])} and ${String(other[key])}`;
    if (parts.some((part) => !haveSameTables(part, parts[0])))
      return "the parts' codes or scales stand for other values";
    if (parts.some((part) => !haveSameRowOrder(part, parts[0]))) return "the parts permute their inputs differently";
    if (parts.some((part) => !haveSameGroups(part, parts[0])))
      return "the parts change their width at different inputs";
    return undefined;
  }

  async prepare(
    parts: readonly PackedWeight[],
    use: WeightUse = "linear",
    names: readonly string[] = partNames(parts),
  ): Promise<PreparedWeight> {
    const { weight, fill } = this.#allocate(parts, use, names);
    try {
      await fill();
      return weight;
    } catch (error) {
      weight[Symbol.dispose]();
      throw error;
    }
  }

  async reserve(parts: readonly PackedWeight[], use: WeightUse = "linear"): Promise<PreparedWeight> {
    return this.#allocate(parts, use, partNames(parts)).weight;
  }

  /** A weight without its numbers, and what brings them in. */
  #allocate(
    parts: readonly PackedWeight[],
    use: WeightUse,
    names: readonly string[],
  ): { readonly weight: CpuWeight; readonly fill: () => Promise<void> } {
    void this.#device.pointer; // throws where the device was closed
    if (parts.length === 0) throw new RequestError("prepare: there are no parts");
    parts.forEach((part, i) => checkWeight(part, names[i]));
    const refusal = this.refusesToFuse(parts);
    if (refusal !== undefined) throw new RequestError(`prepare: ${refusal}`);
    const kernel = this.chooseLinear(parts.map(summarize), use).kernel as LinearKernelName;
    const [{ inFeatures }] = parts;
    const shape = { inFeatures, outFeatures: parts.reduce((sum, part) => sum + part.outFeatures, 0) };
    const { pointer, borrowed, fill } = allocateWeight(this.#library, this.#device, { parts, names, shape, kernel });
    if (pointer === 0n)
      throw new OutOfMemoryError(`cpu: a weight ${shape.inFeatures} → ${shape.outFeatures} cannot be allocated`);
    return { weight: new CpuWeight(this, this.#library, kernel, shape, pointer, borrowed), fill };
  }

  memory(): DeviceMemory {
    // A container's limit is no number, or an absurd one, where there is none.
    const limit = process.constrainedMemory() || Infinity;
    return { totalBytes: Math.min(totalmem(), limit), freeBytes: Math.min(process.availableMemory(), limit) };
  }

  pageBytes({ kvHeads, headDim }: CacheSpec): number {
    const elements = headDim + Math.ceil(headDim / 16) * 16;
    const scales = this.cacheType === "int8" ? 2 * Math.ceil(headDim / keptGroup) : 0;
    const bytes = kvHeads * pagePositions * (elements * keptBytes[this.cacheType] + scales * 4);
    return Math.ceil(bytes / 64) * 64;
  }

  async load(binding: ProgramBinding): Promise<Executable> {
    checkBinding(binding, pagePositions);
    const { program, vectors, limits } = binding;
    const weights = binding.weights.map((weight, i) => this.#ownWeight(weight, program.weights[i], i));
    for (const op of program.ops) if (op.op === "expert-linear") checkAlike(program, op, weights);
    const { words, floats } = encodeProgram(program, vectors, limits, this.cacheType);
    const pointers = BigUint64Array.from(weights, ({ pointer }) => pointer);
    const pointer = this.#library.executableOpen(this.#device.pointer, words, floats, pointers);
    if (pointer === 0n) throw new OutOfMemoryError("cpu: the program's buffers and caches cannot be allocated");
    const executable = new CpuExecutable(this.#library, pointer, program, limits, weights, () =>
      this.#executables.delete(executable),
    );
    this.#executables.add(executable);
    return executable;
  }

  async measure(): Promise<DeviceRates> {
    const readRate = await this.#device.run((device) => this.#library.measureRead(device, 2 ** 28, 8));
    if (readRate === 0) throw new OutOfMemoryError("cpu: there are no 256 MB to measure the memory with");
    return {
      readRate,
      dotRate: await this.#device.run((device) => this.#library.measureDot(device, 200)),
      barrierSeconds: await this.#device.run((device) => this.#library.measureBarrier(device, 2000)),
      callSeconds: await this.#measureCall(),
    };
  }

  /** The fastest of many, as for the other rates: what slows a call down is not the device's. */
  async #measureCall(): Promise<number> {
    let fastestMs = Infinity;
    for (let i = 0; i < 200; i++) {
      const start = performance.now();
      await this.#device.run((device) => this.#library.measureBarrier(device, 1));
      fastestMs = Math.min(fastestMs, performance.now() - start);
    }
    return fastestMs / 1000;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#device.close(() =>
      Promise.all([...this.#executables].map((executable) => executable[Symbol.asyncDispose]())),
    );
  }

  #ownWeight(
    weight: PreparedWeight,
    spec: { readonly inFeatures: number; readonly outFeatures: number },
    index: number,
  ): CpuWeight {
    if (!(weight instanceof CpuWeight) || weight.owner !== this)
      throw new RequestError(`load: weight ${index} was prepared by another device`);
    const { inFeatures, outFeatures } = weight.shape;
    if (inFeatures !== spec.inFeatures || outFeatures !== spec.outFeatures)
      throw new RequestError(
        `load: weight ${index} is ${inFeatures} → ${outFeatures}, the program has ${spec.inFeatures} → ${spec.outFeatures}`,
      );
    return weight;
  }
}

/** The library reads the inputs of all experts in one form, and takes one kernel for all of them. */
function checkAlike({ weights }: Program, { weights: experts }: ExpertLinearOp, prepared: readonly CpuWeight[]): void {
  const formOf = (id: number): string =>
    `${prepared[id].kernel} of ${weights[id].summaries.map(describeSummary).join(" + ")}`;
  const [first] = experts;
  const other = experts.find((id) => formOf(id) !== formOf(first));
  if (other !== undefined)
    throw new UnsupportedError(
      `cpu: experts that are stored in different ways do not run together: ${weights[first].parts[0]} is ${formOf(first)}, ` +
        `${weights[other].parts[0]} is ${formOf(other)}`,
    );
}

/** Of parts of one scheme: whether their groups are alike, which summaries do not tell where widths are mixed. */
function haveSameGroups(a: PackedWeight, b: PackedWeight): boolean {
  if (a.scheme !== "affine-mixed" || b.scheme !== "affine-mixed") return true;
  return (
    a.groups.length === b.groups.length &&
    a.groups.every(({ bits, inputs }, g) => bits === b.groups[g].bits && inputs === b.groups[g].inputs)
  );
}
