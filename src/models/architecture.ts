import type { ConfigReader } from "./config-reader.ts";
import type { Model } from "./model.ts";

/** A family of models: the configs that are its own, and the list of layers that such a config stands for. */
export interface Architecture {
  /** What `architectures[0]` of a config says; the first is the usual name. */
  readonly names: readonly [string, ...string[]];
  /** What `model_type` says, for configs without `architectures`. */
  readonly modelType: string;
  /** Throws FormatError for values that make no model, UnsupportedError for variants that fewbit cannot run. */
  createModel(config: ConfigReader): Model;
}
