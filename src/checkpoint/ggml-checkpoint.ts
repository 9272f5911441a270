import type { LoadedLinear, ReadMemory } from "../compile/weight-source.ts";
import { dtypeBits, isDtype, type RawTensor } from "../containers/raw-tensor.ts";
import type { GgmlType } from "../containers/ggml/ggml-type.ts";
import { decodeVector } from "../formats/dense/dense.ts";
import { ggmlOutline, ggmlWeight } from "../formats/ggml/ggml-weight.ts";
import type { GgmlModel } from "../formats/ggml/ggml-model.ts";
import type { EmbeddedText } from "../formats/ggml/gguf-text.ts";
import { pairsToHalves } from "../formats/ggml/pair-rows.ts";
import { TensorSlice } from "../containers/tensor-slice.ts";
import type { Folder } from "../io/folder.ts";
import { FormatError } from "../util/errors.ts";
import type { JsonObject } from "../util/json.ts";
import { quote } from "../util/quote.ts";
import type { Warn } from "../util/warn-once.ts";
import { isBlockType } from "../weights/blocks/block-type.ts";
import type { PackedWeight } from "../weights/packed-weight.ts";
import type { Checkpoint, CheckpointModule } from "./checkpoint.ts";
import { readText } from "./read-file.ts";
import { readWhole } from "./read-whole.ts";
import { TransposedByShape, transposeMatching } from "./transposed-tensors.ts";
import { withLabel } from "./with-label.ts";
import type { LinearShape } from "../weights/linear-shape.ts";

/** What GGUF and the containers before it have in common. */
export interface GgmlContainer {
  readonly label: string;
  readonly tensors: ReadonlyMap<string, RawTensor<GgmlType>>;
  close(): Promise<void>;
}

export interface GgmlCheckpointParts {
  readonly folder: Folder;
  readonly files: readonly string[];
  /** Taken: closed with the checkpoint. */
  readonly file: GgmlContainer;
  readonly format: "gguf" | "ggml";
  readonly declared: JsonObject;
  /** Undefined: the file holds no model, and can only be looked at. */
  readonly model: GgmlModel | undefined;
  readonly readText: () => EmbeddedText;
  /** As ReadOverrides has it. */
  readonly transposed: string | undefined;
  readonly warn: Warn;
}

/** A file of ggml as a checkpoint: it has its config inside, and its tensors under the names that the model has for its modules. */
export class GgmlCheckpoint implements Checkpoint {
  readonly tensors: ReadonlyMap<string, RawTensor<GgmlType>>;
  readonly #parts: GgmlCheckpointParts;
  readonly #byShape: TransposedByShape;

  /** Throws as transposeMatching. */
  constructor(parts: GgmlCheckpointParts) {
    const { label, tensors } = parts.file;
    this.#parts = parts;
    this.tensors = transposeMatching(tensors, parts.transposed, label);
    this.#byShape = new TransposedByShape(label, parts.warn);
  }

  get format(): string {
    return this.#parts.format;
  }

  get configLabel(): string {
    return this.label;
  }

  get config(): JsonObject | undefined {
    return this.#parts.model?.config;
  }

  get hasNormsPlusOne(): boolean {
    return this.#parts.model?.hasNormsPlusOne ?? false;
  }

  get generationConfig(): undefined {
    return undefined;
  }

  get declared(): JsonObject {
    return this.#parts.declared;
  }

  get files(): readonly string[] {
    return this.#parts.files;
  }

  get label(): string {
    return this.#parts.file.label;
  }

  hasLinear(module: string): boolean {
    return this.#find(module, "weight") !== undefined;
  }

  shapeOf(module: string, expected?: LinearShape): LinearShape {
    return withLabel(this.label, () => ggmlOutline(this.#matrix(module, expected)));
  }

  byteLengthOf(module: string): number {
    const bias = this.#find(module, "bias");
    return this.#require(module, "weight").byteLength + (bias?.byteLength ?? 0);
  }

  module(name: string, expected?: LinearShape): CheckpointModule | undefined {
    return this.hasLinear(name) ? { ...this.#describe(this.#matrix(name, expected)), name } : undefined;
  }

  async linear(module: string, memory?: ReadMemory, expected?: LinearShape): Promise<LoadedLinear> {
    const bias = this.#find(module, "bias");
    const [data, biasData] = await Promise.all([
      readWhole(this.#matrix(module, expected), memory),
      bias && readWhole(bias),
    ]);
    return withLabel(this.label, () => {
      const weight = ggmlWeight(data);
      const values = biasData && decodeVector(biasData);
      const heads = this.#parts.model?.pairedHeads(module);
      if (heads !== undefined) {
        pairsToHalves(data.bytes, weight.outFeatures, heads);
        if (values !== undefined) pairsToHalves(new Uint8Array(values.buffer), values.length, heads);
      }
      return { weight, ...(values && { bias: values }) };
    });
  }

  async vector(name: string): Promise<Float32Array> {
    // Names end in the part of a module, but for those of single tensors: sinks, which GGUF calls weights.
    const [, module = name, part = ""] = /^(.*)\.([^.]*)$/.exec(name) ?? [];
    const data = await readWhole(this.#find(name, "weight") ?? this.#require(module, part));
    return withLabel(this.label, () => decodeVector(data));
  }

  modules(): readonly CheckpointModule[] {
    return [...this.tensors.values()].map((tensor) => this.#describe(tensor));
  }

  async stored(module: CheckpointModule): Promise<PackedWeight> {
    const tensor = this.tensors.get(module.name + weightSuffix) ?? this.tensors.get(module.name);
    if (tensor === undefined) throw new FormatError(`${this.label}: has no tensor ${quote(module.name)}`);
    const data = await readWhole(tensor);
    return withLabel(this.label, () => ggmlWeight(data));
  }

  embeddedText(): EmbeddedText {
    return withLabel(this.label, this.#parts.readText);
  }

  async readText(name: string): Promise<string | undefined> {
    return this.files.includes(name) ? readText(this.#parts.folder, name) : undefined;
  }

  close(): Promise<void> {
    return this.#parts.file.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #find(module: string, part: string): RawTensor<GgmlType> | undefined {
    const { model } = this.#parts;
    const expert = model?.expertOf?.(module);
    if (expert !== undefined) {
      const stack = this.tensors.get(`${expert.stack}.${part}`);
      return stack && withLabel(this.label, () => TensorSlice.member(stack, expert.index));
    }
    const name = model?.nameOf(module);
    const own = name === undefined ? undefined : this.tensors.get(`${name}.${part}`);
    const shared = own === undefined ? model?.sharedRowsOf?.(module) : undefined;
    const whole = shared && this.tensors.get(`${shared.tensor}.${part}`);
    return whole ? withLabel(this.label, () => TensorSlice.rows(whole, shared)) : own;
  }

  #matrix(module: string, expected: LinearShape | undefined): RawTensor<GgmlType> {
    const tensor = this.#require(module, "weight");
    return expected === undefined ? tensor : withLabel(this.label, () => this.#byShape.turned(tensor, expected));
  }

  #require(module: string, part: string): RawTensor<GgmlType> {
    const tensor = this.#find(module, part);
    if (tensor === undefined) throw new FormatError(`${this.label}: has no tensor for ${quote(`${module}.${part}`)}`);
    return tensor;
  }

  #describe(tensor: RawTensor<GgmlType>): CheckpointModule {
    const { dtype, shape, byteLength } = tensor;
    const name = tensor.name.endsWith(weightSuffix) ? tensor.name.slice(0, -weightSuffix.length) : tensor.name;
    if (isBlockType(dtype)) {
      const { scheme, bits, groupSize } = withLabel(this.label, () => ggmlOutline(tensor));
      return { name, shape, scheme, bits, ...(groupSize !== undefined && { groupSize }), byteLength };
    }
    const bits = isDtype(dtype) ? dtypeBits[dtype] : (8 * byteLength) / shape.reduce((a, b) => a * b, 1);
    return { name, shape, scheme: "dense", bits, byteLength, tensor };
  }
}

const weightSuffix = ".weight";
