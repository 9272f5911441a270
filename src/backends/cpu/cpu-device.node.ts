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
import { OutOfMemoryError, RequestError, UnsupportedError } from "../../util/errors.ts";
import { blockGrid } from "../../weights/blocks/block-grid.ts";
import { checkWeight } from "../../weights/check-weight.ts";
import { commonGroupSize } from "../../weights/mixed-groups.ts";
import { haveSameRowOrder } from "../../weights/same-row-order.ts";
import { illegalPositions } from "../../weights/sparse-24.ts";
import {
  describeSummary,
  summarize,
  type AffineZeroWeight,
  type BlockWeight,
  type CodeOrder,
  type CodebookWeight,
  type DenseWeight,
  type MixedAffineWeight,
  type Float8Weight,
  type PackedWeight,
  type Sparse24Weight,
  type WeightSummary,
  type ZeroOrder,
} from "../../weights/packed-weight.ts";
import { blockSpan, blockTypeCode } from "./block-types.ts";
import { CpuExecutable } from "./cpu-executable.node.ts";
import { CpuWeight } from "./cpu-weight.node.ts";
import { codedForm, haveSameTables, rowScales } from "./coded-weight.ts";
import { encodeProgram, floatTypeCodes } from "./encode-program.ts";
import { activationSpan, chooseLinearKernel, roundedGroupSize, type LinearKernelName } from "./linear-kernels.ts";
import { NativeDevice } from "./native-device.node.ts";
import type { NativeLibrary, Pointer } from "./native-library.node.ts";

/** FB_TILE and FB_PAGE of native/cpu/fewbit_cpu.h. */
const tileOutputs = 16;
const pagePositions = 32;

/** FB_KEPT_GROUP of native/cpu/kernels.h, and the bytes of an element of a cache. */
const keptGroup = 32;
const keptBytes: Readonly<Record<CacheType, number>> = { f32: 4, f16: 2, int8: 1 };

/** FB_CODES_* of native/cpu/fewbit_cpu.h. */
const codeOrderCodes: Readonly<Record<CodeOrder, number>> = {
  "lsb-k": 0,
  "planar-k": 1,
  "lsb-rows": 2,
  "word-rows": 3,
  "byte-rows": 4,
  "awq-gemm": 5,
  "awq-gemv-fast": 6,
  marlin: 7,
};

/** FB_CODES_SPARSE_24: a scheme of its own in files. */
const sparse24Codes = 8;

/** FB_ZEROS_* of native/cpu/fewbit_cpu.h. */
const zeroOrderCodes: Readonly<Record<ZeroOrder, number>> = {
  "lsb-n": 0,
  "lsb-n-minus-one": 1,
  "lsb-n-minus-legacy": 2,
  bytes: 3,
};

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
    this.description = `${isa}, ${threads} thread${threads === 1 ? "" : "s"}`;
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
    return this.#make(parts, use, names, true);
  }

  async reserve(parts: readonly PackedWeight[], use?: WeightUse): Promise<PreparedWeight> {
    return this.#make(parts, use ?? "linear", partNames(parts), false);
  }

  async #make(
    parts: readonly PackedWeight[],
    use: WeightUse,
    names: readonly string[],
    fills: boolean,
  ): Promise<PreparedWeight> {
    void this.#device.pointer; // throws where the device was closed
    if (parts.length === 0) throw new RequestError("prepare: there are no parts");
    parts.forEach((part, i) => checkWeight(part, names[i]));
    const refusal = this.refusesToFuse(parts);
    if (refusal !== undefined) throw new RequestError(`prepare: ${refusal}`);
    const kernel = this.chooseLinear(parts.map(summarize), use).kernel as LinearKernelName;
    const outFeatures = parts.reduce((sum, part) => sum + part.outFeatures, 0);
    switch (parts[0].scheme) {
      case "dense":
        return kernel === "linear_rounded_int8"
          ? this.#prepareRounded(ofScheme(parts, "dense"), outFeatures, kernel, fills)
          : this.#prepareDense(ofScheme(parts, "dense"), outFeatures, kernel, fills);
      case "affine-zero":
      case "sparse-24":
        return this.#prepareAffine(ofScheme(parts, "affine-zero", "sparse-24"), names, outFeatures, kernel, fills);
      case "block":
        return this.#prepareBlocks(ofScheme(parts, "block"), outFeatures, kernel, fills);
      case "affine-mixed":
        return this.#prepareMixed(ofScheme(parts, "affine-mixed"), outFeatures, kernel, fills);
      case "float8":
      case "codebook":
        return this.#prepareCoded(ofScheme(parts, "float8", "codebook"), outFeatures, kernel, fills);
    }
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

  async #prepareDense(
    parts: readonly DenseWeight[],
    outFeatures: number,
    kernel: LinearKernelName,
    fills: boolean,
  ): Promise<PreparedWeight> {
    const [{ inFeatures, type, values }] = parts;
    // One part stays where it is: an embedding that serves as head too would otherwise be in memory twice while it loads.
    const borrowed = parts.length === 1 ? values : undefined;
    if (fills && borrowed !== undefined) await this.#library.enlargePages(borrowed, borrowed.byteLength);
    const pointer = this.#library.weightDense(inFeatures, outFeatures, floatTypeCodes[type], borrowed ?? null);
    const weight = this.#own(pointer, kernel, { inFeatures, outFeatures }, borrowed);
    return fill(weight, fills && borrowed === undefined ? parts : [], (part, column) =>
      this.#library.weightPutDense(pointer, column, part.outFeatures, part.values),
    );
  }

  async #prepareRounded(
    parts: readonly DenseWeight[],
    outFeatures: number,
    kernel: LinearKernelName,
    fills: boolean,
  ): Promise<PreparedWeight> {
    const [{ inFeatures, type }] = parts;
    const groupSize = roundedGroupSize(inFeatures);
    const pointer = this.#library.weightAffine({
      rowOrder: null,
      inFeatures,
      outFeatures,
      bits: 8,
      groupSize,
      scaleType: floatTypeCodes.f32,
      hasZeros: 0,
      span: groupSize,
      sparse: 0,
      divisor: 1,
    });
    const weight = this.#own(pointer, kernel, { inFeatures, outFeatures });
    return fill(weight, fills ? parts : [], async ({ values, outFeatures: out }, column) => {
      const isWhole = await this.#device.run((device) =>
        this.#library.weightPutRounded(device, pointer, column, out, floatTypeCodes[type], values),
      );
      if (isWhole === 0) throw new OutOfMemoryError("cpu: there is no memory to round a head with");
    });
  }

  async #prepareAffine(
    parts: readonly (AffineZeroWeight | Sparse24Weight)[],
    names: readonly string[],
    outFeatures: number,
    kernel: LinearKernelName,
    fills: boolean,
  ): Promise<PreparedWeight> {
    const [first] = parts;
    const { inFeatures, bits, groupSize, scaleType } = first;
    const { zeros, rowOrder, divisor } = first.scheme === "affine-zero" ? first : {};
    const span = kernel === "linear_affine_int8" ? activationSpan(groupSize, inFeatures) : 0;
    const pointer = this.#library.weightAffine({
      rowOrder: rowOrder ?? null,
      inFeatures,
      outFeatures,
      bits,
      groupSize,
      scaleType: floatTypeCodes[scaleType],
      hasZeros: zeros === undefined ? 0 : 1,
      span,
      sparse: first.scheme === "sparse-24" ? 1 : 0,
      divisor: divisor ?? 1,
    });
    const weight = this.#own(pointer, kernel, { inFeatures, outFeatures });
    return fill(weight, fills ? parts : [], async (part, column, i) => {
      const bytes = { ...partOf(part), column, outFeatures: part.outFeatures };
      const refused = await this.#device.run((device) => this.#library.weightPutAffine(device, pointer, bytes));
      if (refused >= 0) throw illegalPositions(refused, names[i]);
    });
  }

  async #prepareMixed(
    parts: readonly MixedAffineWeight[],
    outFeatures: number,
    kernel: LinearKernelName,
    fills: boolean,
  ): Promise<PreparedWeight> {
    const [{ inFeatures, groups, rowOrder }] = parts;
    const pointer = this.#library.weightMixed({
      rowOrder: rowOrder ?? null,
      widths: Uint8Array.from(groups, ({ bits }) => bits),
      sizes: Int32Array.from(groups, ({ inputs }) => inputs),
      inFeatures,
      outFeatures,
      groups: groups.length,
      span: kernel === "linear_mixed_int8" ? activationSpan(commonGroupSize(parts[0]), inFeatures) : 0,
    });
    const weight = this.#own(pointer, kernel, { inFeatures, outFeatures });
    return fill(weight, fills ? parts : [], ({ codes, scaleCodes, scaleMaxima, columns, outFeatures: out }, column) => {
      const part = { codes, scaleCodes, scaleMaxima, columns, column, outFeatures: out };
      return this.#device.run((device) => this.#library.weightPutMixed(device, pointer, part));
    });
  }

  async #prepareBlocks(
    parts: readonly BlockWeight[],
    outFeatures: number,
    kernel: LinearKernelName,
    fills: boolean,
  ): Promise<PreparedWeight> {
    const [{ inFeatures, type }] = parts;
    const magnitudes = blockGrid(type);
    const grid = magnitudes ? Int8Array.from(magnitudes) : null;
    const pointer = this.#library.weightBlocks({
      grid,
      inFeatures,
      outFeatures,
      type: blockTypeCode(type),
      gridBytes: grid?.byteLength ?? 0,
      hasFactor: parts.some(({ factor }) => factor !== undefined) ? 1 : 0,
      span: kernel === "linear_blocks_int8" ? blockSpan(type) : 0,
    });
    const weight = this.#own(pointer, kernel, { inFeatures, outFeatures });
    return fill(weight, fills ? parts : [], ({ outFeatures: out, blocks, factor = 1 }, column) =>
      this.#device.run((device) => this.#library.weightPutBlocks(device, pointer, column, out, blocks, factor)),
    );
  }

  async #prepareCoded(
    parts: readonly (Float8Weight | CodebookWeight)[],
    outFeatures: number,
    kernel: LinearKernelName,
    fills: boolean,
  ): Promise<PreparedWeight> {
    const { inFeatures, form, table, scaleTable, groupSize, divides } = codedForm(parts[0]);
    const pointer = this.#library.weightCoded({
      table,
      scaleTable: scaleTable ?? null,
      inFeatures,
      outFeatures,
      form,
      groupSize,
      divides: divides ? 1 : 0,
    });
    const weight = this.#own(pointer, kernel, { inFeatures, outFeatures });
    return fill(weight, fills ? parts : [], (part, column) => {
      const bytes = {
        codes: part.codes,
        scales: rowScales(part),
        swaps: part.scheme === "codebook" && part.evenNibble === "high" ? 1 : 0,
        column,
        outFeatures: part.outFeatures,
      };
      return this.#device.run((device) => this.#library.weightPutCoded(device, pointer, bytes));
    });
  }

  #own(pointer: Pointer, kernel: LinearKernelName, shape: CpuWeight["shape"], borrowed?: Uint8Array): CpuWeight {
    if (pointer === 0n)
      throw new OutOfMemoryError(`cpu: a weight ${shape.inFeatures} → ${shape.outFeatures} cannot be allocated`);
    return new CpuWeight(this, this.#library, kernel, shape, pointer, borrowed);
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

/** The bytes of a part, and what native/cpu calls their orders. */
function partOf(part: AffineZeroWeight | Sparse24Weight) {
  const { codes, scales } = part;
  if (part.scheme === "sparse-24")
    return { codes, scales, positions: part.positions, zeros: null, codeOrder: sparse24Codes, zeroOrder: 0 };
  const { order, zeros } = part;
  return {
    codes,
    scales,
    positions: null,
    zeros: zeros?.bytes ?? null,
    codeOrder: codeOrderCodes[order],
    zeroOrder: zeroOrderCodes[zeros?.order ?? "lsb-n"],
  };
}

/** Puts the parts in one after the other, each at its column; on an error nothing stays. */
async function fill<Part extends PackedWeight>(
  weight: CpuWeight,
  parts: readonly Part[],
  put: (part: Part, column: number, index: number) => Promise<void>,
): Promise<CpuWeight> {
  try {
    let column = 0;
    for (const [i, part] of parts.entries()) {
      await put(part, column, i);
      column += part.outFeatures;
    }
    return weight;
  } catch (error) {
    weight[Symbol.dispose]();
    throw error;
  }
}

/** The parts of these schemes: all of them, since parts that become one weight have one scheme. */
function ofScheme<Scheme extends PackedWeight["scheme"]>(
  parts: readonly PackedWeight[],
  ...schemes: readonly Scheme[]
): readonly Extract<PackedWeight, { readonly scheme: Scheme }>[] {
  const isOne = (part: PackedWeight): part is Extract<PackedWeight, { readonly scheme: Scheme }> =>
    schemes.some((scheme) => scheme === part.scheme);
  return parts.filter(isOne);
}

/** Of parts of one scheme: whether their groups are alike, which summaries do not tell where widths are mixed. */
function haveSameGroups(a: PackedWeight, b: PackedWeight): boolean {
  if (a.scheme !== "affine-mixed" || b.scheme !== "affine-mixed") return true;
  return (
    a.groups.length === b.groups.length &&
    a.groups.every(({ bits, inputs }, g) => bits === b.groups[g].bits && inputs === b.groups[g].inputs)
  );
}
