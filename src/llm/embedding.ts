import { RequestError } from "../util/errors.ts";

export interface EmbedOptions {
  /** Of what hidden states; default as the model says, or else the last token's. */
  readonly pooling?: "last" | "mean" | undefined;
  /** So many of the first values only, which models that were trained for it (Matryoshka) still understand. Default all. */
  readonly dimensions?: number | undefined;
  /** Whether its length is made 1, so that inner products are cosines. Default true. */
  readonly normalize?: boolean | undefined;
  /** As `GenerateOptions.cacheSalt`. */
  readonly cacheSalt?: string | undefined;
  /** Gives up, with AbortedError. */
  readonly signal?: AbortSignal | undefined;
}

/** A text as a point: what texts mean is near to what means the same. */
export interface Embedding {
  readonly values: Float32Array;
  readonly promptTokens: number;
}

/** The embedding that hidden states of one prompt make. Throws RequestError for more dimensions than these have. */
export function finishEmbedding(hidden: Float32Array, { dimensions, normalize = true }: EmbedOptions): Float32Array {
  const most = hidden.length;
  if (dimensions !== undefined && !(Number.isInteger(dimensions) && dimensions >= 1 && dimensions <= most))
    throw new RequestError(`dimensions is ${dimensions}; it must be an integer from 1 to ${most}`, {
      option: "dimensions",
    });
  const values = hidden.slice(0, dimensions ?? most);
  if (!normalize) return values;
  let squares = 0;
  for (const value of values) squares += value * value;
  const length = Math.sqrt(squares);
  return length === 0 ? values : values.map((value) => value / length);
}
