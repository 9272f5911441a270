import type { SamplingParameters } from "../device/sampling.ts";
import type { SequenceCache } from "../kv-cache/sequence-cache.ts";
import type { FinishReason, GenerationRequest } from "./engine.ts";
import type { QueuePlace } from "./queue-place.ts";
import { TokenCounts } from "./token-counts.ts";

export type SequenceState = "waiting" | "running" | "finished";

/** A request on its way: its tokens, how many of them are in the cache, and its pages. Only the scheduler changes `state`, `slot` and pages. */
export class Sequence {
  readonly request: GenerationRequest;
  /** The request's own, or less where the context ends before. */
  readonly maxTokens: number;
  readonly cache: SequenceCache;
  readonly place: QueuePlace;
  /** Absent: no penalty looks at them. */
  readonly counts?: TokenCounts;
  state: SequenceState = "waiting";
  /** Where the device remembers its samples; -1 unless running. */
  slot = -1;
  /** Tokens whose keys and values are in the cache. */
  computed = 0;
  ropeVariant = 0;
  /** Sum of the hidden states that are pooled, of the tokens computed so far. */
  hiddenSum: Float64Array | undefined;
  /** Prompt tokens whose keys and values were there when the sequence was first admitted; undefined before. */
  reusedTokens: number | undefined;

  readonly #stopIds: ReadonlySet<number>;
  readonly #tokens: number[];

  constructor(request: GenerationRequest, maxTokens: number, cache: SequenceCache, place: QueuePlace) {
    this.request = request;
    this.maxTokens = maxTokens;
    this.cache = cache;
    this.place = place;
    this.#stopIds = new Set(request.stopIds);
    this.#tokens = [...request.promptIds];
    if (hasPenalty(request.sampling)) this.counts = new TokenCounts(request.promptIds);
    for (const id of request.outputIds ?? []) this.accept(id);
  }

  /** Why generation has ended; undefined: it has not. */
  get end(): FinishReason | undefined {
    if (this.outputLength > 0 && this.#stopIds.has(this.#tokens[this.#tokens.length - 1])) return "stop";
    return this.outputLength >= this.maxTokens ? "length" : undefined;
  }

  /** Prompt and output so far. */
  get tokens(): readonly number[] {
    return this.#tokens;
  }

  get promptLength(): number {
    return this.request.promptIds.length;
  }

  get outputLength(): number {
    return this.#tokens.length - this.promptLength;
  }

  /** Tokens that are known and not yet in the cache. */
  get remaining(): number {
    return this.#tokens.length - this.computed;
  }

  /** Adds a sampled token. Returns why generation ends with it; undefined: it goes on. */
  accept(id: number): FinishReason | undefined {
    this.#tokens.push(id);
    this.counts?.addOutput(id);
    return this.end;
  }
}

function hasPenalty(sampling: SamplingParameters): boolean {
  return sampling.repetitionPenalty !== 1 || sampling.presencePenalty !== 0 || sampling.frequencyPenalty !== 0;
}
