import type { ActivationType, BackendName, CacheType, HeadType } from "../device/backend.ts";
import type { DtypeChoice } from "../device/choose-dtype.ts";

/** How a model is run. Plain data: what an engine in another process is told too. */
export interface EngineOptions {
  /** Default "auto": the best that can run here. */
  readonly backend?: BackendName | "auto" | undefined;
  /**
   * CPU threads of this model alone. Default: all physical cores that the process may use, which models without a number of their own
   * share, step by step; so several models in one process do not fight for them.
   */
  readonly threads?: number | undefined;
  /**
   * What activations are between ops; sums are f32 whatever it is. Default "auto": what the checkpoint's embedding is. A backend that lacks
   * the type computes in f32, as the CPU always does.
   */
  readonly dtype?: DtypeChoice | undefined;
  /** How linears take their input; default what is fastest. "f32" is exact everywhere. */
  readonly activations?: ActivationType | undefined;
  /** How keys and values are kept; default f32 where `dtype` or `activations` is "f32", else f16. */
  readonly cacheType?: CacheType | undefined;
  /**
   * How a head is kept that the checkpoint has in floats: "int8" rounds it, and an embedding that it is tied to, to 8 bits as it is loaded, which
   * halves what a token reads of it. Default "int8" with int8 activations, else "keep".
   */
  readonly headType?: HeadType | undefined;
  /** Positions of one sequence, prompt and answer together; default 4096, or less where the model was trained for less. */
  readonly contextLength?: number | undefined;
  /** Requests that run at once; further ones wait. Default 4. */
  readonly maxSequences?: number | undefined;
  /** Positions that all requests together may hold; default one whole context, and 1,024 for each further request. */
  readonly cachePositions?: number | undefined;
  /** The same in bytes, in place of `cachePositions`: as many positions as they hold. Refused before loading where that is no whole context. */
  readonly cacheBytes?: number | undefined;
  /**
   * Share of the device's memory, above 0 and at most 1, that weights, caches and buffers may take together; the caches get what the others
   * leave, as far as all requests could use it. In place of `cachePositions` and `cacheBytes`. Refused before loading where it cannot hold
   * the weights and a whole context.
   */
  readonly memoryShare?: number | undefined;
  /** Tokens that one step computes; longer prompts take several. Default 512, on cuda 2048. */
  readonly stepTokens?: number | undefined;
  /**
   * Whether a request takes over the keys and values that requests before it, or beside it, have computed for the same beginning: a
   * conversation's next turn, a common system prompt. Takes no memory: what is kept goes when it is needed. Default true.
   */
  readonly prefixReuse?: boolean | undefined;
}
