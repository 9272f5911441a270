import type { FormatOverrides } from "../formats/weight-format.ts";
import type { OnLoadProgress } from "../util/load-progress.ts";
import type { EngineOptions } from "./engine-options.ts";

/** How a model is opened and run. */
export interface LoadOptions extends EngineOptions, FormatOverrides {
  /** Default true. False: in a process of its own, which can die without taking this one along (Node only). */
  readonly inProcess?: boolean | undefined;
  /**
   * Told of what is odd but does no harm, each once; default console.warn. With `inProcess: false` the other process writes its own
   * warnings to its stderr.
   */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Told of every file that has got on while it is downloaded, of every weight that is there, and of the tokenizer. */
  readonly onProgress?: OnLoadProgress | undefined;
  /** Gives up loading. */
  readonly signal?: AbortSignal | undefined;
}
