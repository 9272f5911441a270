import type { LinearShape, LoadedLinear, ReadMemory } from "../compile/weight-source.ts";
import { dtypeBits, type RawTensor } from "../containers/raw-tensor.ts";
import type { SafetensorsFile } from "../containers/safetensors/read-safetensors.ts";
import { decodeVector } from "../formats/dense/dense.ts";
import { unpackedModules } from "../formats/formats.ts";
import type { RecognisedFormat, TensorData, TensorHead } from "../formats/weight-format.ts";
import type { Folder } from "../io/folder.ts";
import { FormatError } from "../util/errors.ts";
import type { JsonObject } from "../util/json.ts";
import { quote } from "../util/quote.ts";
import type { Warn } from "../util/warn-once.ts";
import type { PackedWeight } from "../weights/packed-weight.ts";
import type { Checkpoint, CheckpointModule } from "./checkpoint.ts";
import { readText } from "./read-file.ts";
import { readWhole } from "./read-whole.ts";
import { withLabel } from "./with-label.ts";

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
  readonly warn: Warn;
}

/** Tables that models compute, and some files keep. */
const computedTables = /(^|\.)rotary_emb\.(inv_freq|cos_cached|sin_cached)$/;

/** A checkpoint over one container: a module is read by the format that marks it, all others as dense. */
export class LoadedCheckpoint implements Checkpoint {
  readonly unreadable?: string;
  readonly #parts: CheckpointParts;
  /** Modules that the checkpoint's own format packs. */
  readonly #packed = new Set<string>();
  /** Made when it is first asked for. */
  #byName: ReadonlyMap<string, CheckpointModule> | undefined;

  constructor(parts: CheckpointParts) {
    this.#parts = parts;
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

  get tensors(): ReadonlyMap<string, RawTensor> {
    return this.#parts.container.tensors;
  }

  hasLinear(module: string): boolean {
    return this.#packed.has(module) || unpackedModules.pieceNames(module).every((name) => this.tensors.has(name));
  }

  shapeOf(module: string): LinearShape {
    const format = this.#formatOf(module);
    return withLabel(this.label, () => format.describe(module, this.#headsOf(module, format)));
  }

  byteLengthOf(module: string): number {
    const bias = this.tensors.get(biasName(module));
    return [...this.#piecesOf(module, this.#formatOf(module)), ...(bias ? [bias] : [])].reduce(
      (sum, { byteLength }) => sum + byteLength,
      0,
    );
  }

  async linear(module: string, memory?: ReadMemory): Promise<LoadedLinear> {
    const format = this.#formatOf(module);
    const bias = this.tensors.get(biasName(module));
    const [pieces, biasData] = await Promise.all([
      Promise.all(this.#piecesOf(module, format).map((piece) => readWhole(piece, memory))),
      bias && readWhole(bias),
    ]);
    return withLabel(this.label, () => {
      const weight = format.decode(module, byName(pieces), this.#parts.warn);
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
      if (module !== undefined && this.#packed.has(module)) found.set(module, this.#describe(module, format));
      else if (!pieces.has(tensor.name) && !format.isBookkeeping(tensor.name) && !computedTables.test(tensor.name)) {
        const plain = describePlain(tensor);
        if (!found.has(plain.name)) found.set(plain.name, plain);
      }
    }
    return [...found.values()];
  }

  #describe(module: string, format: RecognisedFormat): CheckpointModule {
    const pieces = this.#piecesOf(module, format);
    const outline = withLabel(this.label, () => format.describe(module, this.#headsOf(module, format)));
    const { scheme, bits, groupSize, outFeatures, inFeatures } = outline;
    const byteLength = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
    return {
      name: module,
      shape: [outFeatures, inFeatures],
      scheme,
      bits,
      ...(groupSize !== undefined && { groupSize }),
      byteLength,
    };
  }

  module(name: string): CheckpointModule | undefined {
    this.#byName ??= new Map(this.modules().map((module) => [module.name, module]));
    return this.#byName.get(name);
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

  #formatOf(module: string): RecognisedFormat {
    if (this.#packed.has(module)) return this.#parts.format;
    if (this.hasLinear(module)) return unpackedModules;
    throw new FormatError(`${this.label}: has no weight for the module ${quote(module)}`);
  }

  #headsOf(module: string, format: RecognisedFormat): ReadonlyMap<string, TensorHead> {
    const { readFirst } = this.#parts;
    return byName(this.#piecesOf(module, format).map((piece) => readFirst.get(piece.name) ?? headOf(piece)));
  }

  #piecesOf(module: string, format: RecognisedFormat): RawTensor[] {
    return format.pieceNames(module).flatMap((name) => this.tensors.get(name) ?? []);
  }
}

function headOf({ name, dtype, shape }: RawTensor): TensorHead {
  return { name, dtype, shape };
}

const weightSuffix = ".weight";

function biasName(module: string): string {
  return `${module}.bias`;
}

function byName<Tensor extends { readonly name: string }>(tensors: readonly Tensor[]): ReadonlyMap<string, Tensor> {
  return new Map(tensors.map((tensor) => [tensor.name, tensor]));
}

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
