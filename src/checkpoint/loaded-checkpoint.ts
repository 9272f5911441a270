import type { LoadedLinear, ReadMemory } from "../compile/weight-source.ts";
import { dtypeBits, type RawTensor } from "../containers/raw-tensor.ts";
import type { SafetensorsFile } from "../containers/safetensors/read-safetensors.ts";
import { decodeVector } from "../formats/dense/dense.ts";
import { TensorSlice } from "../containers/tensor-slice.ts";
import { stackedExpert, type StackedExpert } from "../formats/expert-stack.ts";
import { unpackedExperts, unpackedModules } from "../formats/formats.ts";
import type { RecognisedFormat, TensorData, TensorHead, WeightOutline } from "../formats/weight-format.ts";
import type { Folder } from "../io/folder.ts";
import { FormatError } from "../util/errors.ts";
import type { JsonObject } from "../util/json.ts";
import { quote } from "../util/quote.ts";
import type { Warn } from "../util/warn-once.ts";
import type { PackedWeight } from "../weights/packed-weight.ts";
import type { Checkpoint, CheckpointModule } from "./checkpoint.ts";
import { readText } from "./read-file.ts";
import { readWhole } from "./read-whole.ts";
import { TransposedByShape, transposeMatching } from "./transposed-tensors.ts";
import { withLabel } from "./with-label.ts";
import type { LinearShape } from "../weights/linear-shape.ts";

export interface CheckpointParts {
  readonly folder: Folder;
  readonly files: readonly string[];
  readonly config: JsonObject | undefined;
  readonly generationConfig: JsonObject | undefined;
  readonly declared: JsonObject | undefined;
  /** Taken: closed with the checkpoint. */
  readonly container: SafetensorsFile;
  readonly format: RecognisedFormat;
  /** The tensors that the format has read first, with their bytes. */
  readonly readFirst: ReadonlyMap<string, TensorData>;
  readonly unreadable?: string;
  /** As ReadOverrides has it. */
  readonly transposed: string | undefined;
  readonly warn: Warn;
}

/** Tables that models compute, and some files keep. */
const computedTables = /(^|\.)rotary_emb\.(inv_freq|cos_cached|sin_cached)$/;

/** A checkpoint over one container: a module is read by the format that marks it, all others as dense. */
export class LoadedCheckpoint implements Checkpoint {
  readonly unreadable?: string;
  readonly tensors: ReadonlyMap<string, RawTensor>;
  readonly #parts: CheckpointParts;
  readonly #byShape: TransposedByShape;
  /** Modules that the checkpoint's own format packs. */
  readonly #packed = new Set<string>();
  /** Made when it is first asked for. */
  #byName: ReadonlyMap<string, CheckpointModule> | undefined;

  /** Throws as transposeMatching. */
  constructor(parts: CheckpointParts) {
    this.#parts = parts;
    this.tensors = transposeMatching(parts.container.tensors, parts.transposed, parts.folder.label);
    this.#byShape = new TransposedByShape(parts.folder.label, parts.warn);
    if (parts.unreadable !== undefined) this.unreadable = parts.unreadable;
    for (const name of parts.container.tensors.keys()) {
      const module = parts.format.markedModule(name);
      if (module !== undefined) this.#packed.add(module);
    }
  }

  get label(): string {
    return this.#parts.folder.label;
  }

  get configLabel(): string {
    return `${this.label}/config.json`;
  }

  get config(): JsonObject | undefined {
    return this.#parts.config;
  }

  get generationConfig(): JsonObject | undefined {
    return this.#parts.generationConfig;
  }

  get format(): string {
    return this.#parts.format.name;
  }

  get notes(): readonly string[] {
    return this.#parts.format.notes;
  }

  get declared(): JsonObject | undefined {
    return this.#parts.declared;
  }

  get files(): readonly string[] {
    return this.#parts.files;
  }

  hasLinear(module: string): boolean {
    return this.#find(module) !== undefined;
  }

  shapeOf(module: string, expected?: LinearShape): LinearShape {
    return this.#outline(this.#require(module, expected));
  }

  byteLengthOf(module: string): number {
    const { pieces, bias } = this.#require(module);
    return byteLengthOf([...pieces.values(), ...(bias ? [bias] : [])]);
  }

  async linear(module: string, memory?: ReadMemory, expected?: LinearShape): Promise<LoadedLinear> {
    const { format, name, pieces, bias } = this.#require(module, expected);
    const [data, biasData] = await Promise.all([
      Promise.all([...pieces].map(async ([piece, tensor]) => [piece, await readWhole(tensor, memory)] as const)),
      bias && readWhole(bias),
    ]);
    return withLabel(this.label, () => {
      const weight = format.decode(name, new Map(data), this.#parts.warn);
      const values = biasData && decodeBias(biasData, weight.outFeatures);
      return { weight, ...(values && { bias: values }) };
    });
  }

  async vector(name: string): Promise<Float32Array> {
    const tensor = this.tensors.get(name);
    if (tensor === undefined) throw new FormatError(`${this.label}: has no tensor ${quote(name)}`);
    const data = await readWhole(tensor);
    return withLabel(this.label, () => decodeVector(data));
  }

  modules(): readonly CheckpointModule[] {
    const { format } = this.#parts;
    const found = new Map<string, CheckpointModule>();
    const pieces = new Set([...this.#packed].flatMap((module) => format.pieceNames(module)));
    for (const tensor of this.tensors.values()) {
      const module = format.markedModule(tensor.name);
      if (module !== undefined && this.#packed.has(module)) found.set(module, this.#describe(module));
      else if (!pieces.has(tensor.name) && !format.isBookkeeping(tensor.name) && !computedTables.test(tensor.name)) {
        const plain = describePlain(tensor);
        if (!found.has(plain.name)) found.set(plain.name, plain);
      }
    }
    return [...found.values()];
  }

  #describe(module: string): CheckpointModule {
    const found = this.#require(module);
    const { scheme, bits, groupSize, outFeatures, inFeatures } = this.#outline(found);
    return {
      name: module,
      shape: [outFeatures, inFeatures],
      scheme,
      bits,
      ...(groupSize !== undefined && { groupSize }),
      byteLength: byteLengthOf([...found.pieces.values()]),
    };
  }

  module(name: string): CheckpointModule | undefined {
    this.#byName ??= new Map(this.modules().map((module) => [module.name, module]));
    return this.#byName.get(name) ?? (this.hasLinear(name) ? this.#describe(name) : undefined);
  }

  async stored(module: CheckpointModule): Promise<PackedWeight> {
    return (await this.linear(module.name)).weight;
  }

  embeddedText(): undefined {
    return undefined;
  }

  async readText(name: string): Promise<string | undefined> {
    return this.files.includes(name) ? readText(this.#parts.folder, name) : undefined;
  }

  close(): Promise<void> {
    return this.#parts.container.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #outline({ format, name, pieces }: FoundModule): WeightOutline {
    const { readFirst } = this.#parts;
    const heads = [...pieces].map(([piece, tensor]) => [piece, readFirst.get(tensor.name) ?? headOf(tensor)] as const);
    return withLabel(this.label, () => format.describe(name, new Map(heads)));
  }

  #require(module: string, expected?: LinearShape): FoundModule {
    const found = this.#find(module);
    if (found === undefined) throw new FormatError(`${this.label}: has no weight for the module ${quote(module)}`);
    if (expected === undefined || found.format !== unpackedModules) return found;
    const turned = [...found.pieces].map(([name, tensor]) => [name, this.#byShape.turned(tensor, expected)] as const);
    return { ...found, pieces: new Map(turned) };
  }

  /** The tensors of a module, which lie by themselves or, an expert's, in stacks. */
  #find(module: string): FoundModule | undefined {
    const bias = this.tensors.get(`${module}.bias`);
    const found = (format: RecognisedFormat): FoundModule => ({
      format,
      name: module,
      pieces: this.#tensorsNamed(format.pieceNames(module)),
      bias,
    });
    if (this.#packed.has(module)) return found(this.#parts.format);
    if (unpackedModules.pieceNames(module).every((name) => this.tensors.has(name))) return found(unpackedModules);
    const expert = stackedExpert(module);
    return expert && this.#findStacked(expert);
  }

  #findStacked({ stack, index }: StackedExpert): FoundModule | undefined {
    const format = this.#packed.has(stack) ? this.#parts.format : unpackedExperts;
    const stacks = this.#tensorsNamed(format.pieceNames(stack));
    if (stacks.size === 0) return undefined;
    const memberOf = (tensor: RawTensor): RawTensor => withLabel(this.label, () => TensorSlice.member(tensor, index));
    const biases = this.tensors.get(`${stack}_bias`);
    return {
      format,
      name: stack,
      pieces: new Map([...stacks].map(([name, tensor]) => [name, memberOf(tensor)])),
      bias: biases && memberOf(biases),
    };
  }

  #tensorsNamed(names: readonly string[]): ReadonlyMap<string, RawTensor> {
    return new Map(
      names.flatMap((name) => {
        const tensor = this.tensors.get(name);
        return tensor === undefined ? [] : [[name, tensor] as const];
      }),
    );
  }
}

/** What a module is read from. */
interface FoundModule {
  readonly format: RecognisedFormat;
  /** What the format knows the module by; an expert goes by the name of its stack. */
  readonly name: string;
  /** By the names that the format has for them. */
  readonly pieces: ReadonlyMap<string, RawTensor>;
  readonly bias: RawTensor | undefined;
}

function byteLengthOf(tensors: readonly RawTensor[]): number {
  return tensors.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

function headOf({ name, dtype, shape }: RawTensor): TensorHead {
  return { name, dtype, shape };
}

const weightSuffix = ".weight";

/** Undefined for zeros alone: some writers give every packed linear a bias, whether the model has one or not. */
function decodeBias(data: TensorData, outFeatures: number): Float32Array | undefined {
  const values = decodeVector(data);
  if (values.length !== outFeatures) {
    throw new FormatError(`tensor ${quote(data.name)} has ${values.length} values for ${outFeatures} outputs`);
  }
  return values.some((value) => value !== 0) ? values : undefined;
}

function describePlain(tensor: RawTensor): CheckpointModule {
  const { name, shape, byteLength } = tensor;
  return {
    name: name.endsWith(weightSuffix) ? name.slice(0, -weightSuffix.length) : name,
    shape,
    scheme: "dense",
    bits: dtypeBits[tensor.dtype],
    byteLength,
    tensor,
  };
}
