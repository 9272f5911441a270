import type { RawTensor } from "../containers/raw-tensor.ts";
import type { JsonObject } from "../util/json.ts";
import type { Warn } from "../util/warn-once.ts";
import type { PackedWeight } from "../weights/packed-weight.ts";

/** A tensor without its data: what formats recognise themselves by. */
export interface TensorHead extends Pick<RawTensor<string>, "name" | "dtype" | "shape"> {
  /** Of tensors that the format has read first; where the data is read, of all. */
  readonly bytes?: Uint8Array;
}

export interface TensorData extends TensorHead {
  readonly bytes: Uint8Array;
}

/** The tensors of one module that the checkpoint holds, by their whole names. */
export type Pieces<Tensor extends TensorHead> = ReadonlyMap<string, Tensor>;

/** What is known of a checkpoint before any tensor is read. */
export interface Evidence {
  /** The quantization config, as its file has it. */
  readonly declared?: JsonObject;
  /** Names the file of the quantization config, for messages; without one, the checkpoint. */
  readonly label: string;
  /** Free-form text of the container. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, TensorHead>;
}

/** What a user may say when a checkpoint says it wrongly. */
export interface FormatOverrides {
  /** Which variant of its format the checkpoint is read as, whatever the label and the data say. The format knows the names. */
  readonly checkpointFormat?: string | undefined;
}

/** What a module's shapes tell without reading it. */
export interface WeightOutline {
  readonly scheme: PackedWeight["scheme"];
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly bits: number;
  /** Absent: no groups, or only the data can tell. */
  readonly groupSize?: number;
}

/**
 * A convention of packing one module's weight into tensors. Its methods are pure: they get bytes, and give back a
 * PackedWeight of the same bytes. What the config says is parsed once, into the format's own type; where the config and
 * the tensors disagree, the tensors are right. A module is packed if and only if its mark is in the file: all others are
 * dense, whatever lists of modules the config has.
 */
export interface WeightFormat<Config> {
  /** As checkpoints declare it: "gptq". */
  readonly name: string;
  /** What people call such checkpoints, before that word: "GPTQ". */
  readonly title: string;
  /**
   * The parsed config, or undefined: the checkpoint is not in this format. Throws UnsupportedError for a variant that is
   * known and cannot be read, FormatError for a config that makes no sense, RequestError for an override that names no
   * variant of this format.
   */
  recognise(evidence: Evidence, overrides: FormatOverrides): Config | undefined;
  /** The module that is packed because this tensor is there ("X.qweight" marks X); undefined: the tensor marks none. */
  markedModule(tensor: string): string | undefined;
  /** Names of all tensors that make up the weight of a module, also those that it may lack. Its bias is not one. */
  pieceNames(module: string): readonly string[];
  /** True: the tensor is small and says what shapes do not; describe gets its bytes. Absent: shapes say it all. */
  isReadFirst?(tensor: string): boolean;
  /** True: the tensor is about the checkpoint and no weight of it. */
  isBookkeeping?(tensor: string): boolean;
  /** What the config asks of an engine beyond its weights, and what is done instead. */
  notes?(config: Config): readonly string[];
  /** Throws FormatError where shapes contradict each other, UnsupportedError for what cannot be read. */
  describe(module: string, pieces: Pieces<TensorHead>, config: Config): WeightOutline;
  /** Takes the bytes. Throws as describe; the result has passed checkWeight. Contradictions that do no harm are warned of. */
  decode(module: string, pieces: Pieces<TensorData>, config: Config, warn: Warn): PackedWeight;
}

/** A format and its config for one checkpoint: the methods of WeightFormat with the config filled in. */
export interface RecognisedFormat {
  readonly name: string;
  markedModule(tensor: string): string | undefined;
  pieceNames(module: string): readonly string[];
  isBookkeeping(tensor: string): boolean;
  isReadFirst(tensor: string): boolean;
  readonly notes: readonly string[];
  describe(module: string, pieces: Pieces<TensorHead>): WeightOutline;
  decode(module: string, pieces: Pieces<TensorData>, warn: Warn): PackedWeight;
}

/** Fills the config in. */
export function withConfig<Config>(format: WeightFormat<Config>, config: Config): RecognisedFormat {
  return {
    name: format.name,
    markedModule: (tensor) => format.markedModule(tensor),
    pieceNames: (module) => format.pieceNames(module),
    notes: format.notes?.(config) ?? [],
    isReadFirst: (tensor) => format.isReadFirst?.(tensor) ?? false,
    isBookkeeping: (tensor) => format.isBookkeeping?.(tensor) ?? false,
    describe: (module, pieces) => format.describe(module, pieces, config),
    decode: (module, pieces, warn) => format.decode(module, pieces, config, warn),
  };
}
