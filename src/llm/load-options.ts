import type { ReadOverrides } from "../checkpoint/checkpoint.ts";
import type { HubAccess } from "../hub/hub.ts";
import type { OnLoadProgress } from "../util/load-progress.ts";
import type { EngineOptions } from "./engine-options.ts";
import type { RequestLimits } from "./request-limits.ts";

/** How a model is opened and run. */
export interface LoadOptions extends EngineOptions, ReadOverrides, RequestLimits {
  /**
   * Default true. False: in a process of its own (Node only), so that whatever native code does to it costs a pause: it is started
   * again, and the answers go on where they were.
   */
  readonly inProcess?: boolean | undefined;
  /** With `inProcess: false`: a step that takes longer hangs, and ends its process. Default 120,000; Infinity: for ever. */
  readonly stepTimeoutMs?: number | undefined;
  /**
   * Told of what is odd but does no harm, each once; default console.warn. With `inProcess: false` the other process writes its own
   * warnings to its stderr.
   */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Told of every file that has got on while it is downloaded, of every weight that is there, and of the tokenizer. */
  readonly onProgress?: OnLoadProgress | undefined;
  /** How ids on the Hub are fetched; absent: as the environment says (docs/env.md). */
  readonly hub?: HubAccess | undefined;
  /** Gives up loading. What was downloaded by then is continued the next time. */
  readonly signal?: AbortSignal | undefined;
}
