import type { WeightSource } from "../compile/weight-source.ts";
import type { RawTensor } from "../containers/raw-tensor.ts";
import type { EmbeddedText } from "../formats/ggml/gguf-text.ts";
import type { FormatOverrides } from "../formats/weight-format.ts";
import type { JsonObject } from "../util/json.ts";
import type { Warn } from "../util/warn-once.ts";
import type { LinearShape } from "../weights/linear-shape.ts";
import type { PackedWeight } from "../weights/packed-weight.ts";

/** What a user may say of how a checkpoint is read, where its files are wrong or silent. */
export interface ReadOverrides extends FormatOverrides {
  /**
   * Matrices that lie inputs first although their dimensions are named outputs first: names of tensors, with * for any characters, parted
   * by commas. Where the dimensions say it, nobody need.
   */
  readonly transposed?: string | undefined;
}

export interface OpenCheckpointOptions extends ReadOverrides {
  /** Told of contradictions that do no harm, each once. */
  readonly warn: Warn;
  /**
   * The weights' file, where the folder may hold several: "model.safetensors". Of a split set, any part. Absent: found.
   */
  readonly file?: string;
  /** Opens safetensors of a format that cannot be read too, for a look at their tensors. */
  readonly acceptsUnreadable?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * A model's files, opened: its configs and its weights by the names that Hugging Face gives them. Weights are read when
 * asked for, and reads may run at the same time. Nothing can be read after close().
 */
export interface Checkpoint extends WeightSource, AsyncDisposable {
  /** Path or URL, for messages. */
  readonly label: string;
  /** config.json, or what GGUF has instead in the words of one; undefined for bare weights. Unchecked: a stranger's. */
  readonly config: JsonObject | undefined;
  /** Where `config` stands, for messages. */
  readonly configLabel: string;
  /** generation_config.json, likewise. */
  readonly generationConfig: JsonObject | undefined;
  /** The format of the packed modules as found, "dense" when nothing is packed. */
  readonly format: string;
  /** Why nothing reads this format: then every tensor is a module by itself, as it lies in the file. Absent: it can be read. */
  readonly unreadable?: string;
  /** The quantization config as declared. */
  readonly declared: JsonObject | undefined;
  /** What that config asks of an engine beyond its weights, and what is done instead; absent: nothing. */
  readonly notes?: readonly string[];
  /** Names of all files that lie beside the weights, sorted. */
  readonly files: readonly string[];
  /** Every tensor of the container, by its whole name. */
  readonly tensors: ReadonlyMap<string, RawTensor<string>>;
  /**
   * Every weight that the model multiplies, adds or looks up, in the order of the file. Throws as WeightSource.linear does
   * for shapes that contradict each other.
   */
  modules(): readonly CheckpointModule[];
  /** The weight that a module of the model is read from, under the model's name for it; undefined: there is none. `expected` as in `linear`. */
  module(name: string, expected?: LinearShape): CheckpointModule | undefined;
  /** The weight of a packed module of `modules()` as the file has it, rows in the file's order. Throws as WeightSource.linear. */
  stored(module: CheckpointModule): Promise<PackedWeight>;
  /** The model's text half, where it lies in the file of the weights itself; undefined: it lies in files of its own. Throws FormatError. */
  embeddedText(): EmbeddedText | undefined;
  /** The content of a text file beside the weights ("tokenizer.json"); undefined: there is none. */
  readText(name: string): Promise<string | undefined>;
  close(): Promise<void>;
}

/** One weight as its shapes tell it: a packed module, or a tensor by itself. */
export interface CheckpointModule {
  /** The file's own, without ".weight"; a bias is a module of its own, "X.bias". */
  readonly name: string;
  /** [out, in] for a packed module; else as stored. */
  readonly shape: readonly number[];
  readonly scheme: PackedWeight["scheme"];
  /** Bits of one code or value. */
  readonly bits: number;
  /** Absent: no groups, or only the data can tell. */
  readonly groupSize?: number;
  /** Bytes in the file, zero points, scales and all. */
  readonly byteLength: number;
  /** The tensor that holds the values as they are; undefined for a packed module, which `linear` reads. */
  readonly tensor?: RawTensor<string>;
}
