import type { SamplingParameters } from "../device/sampling.ts";
import type { CompiledGrammar } from "../text/grammar/compiled-grammar.ts";

/**
 * Requests in, tokens out, all of it plain data that structured clone can carry: the same interface in this process
 * (local-engine.ts) and in a child process (child-engine.node.ts). It speaks token ids and knows nothing of text.
 */
export interface Engine extends AsyncDisposable {
  readonly info: EngineInfo;
  /**
   * Runs one request beside all others. The iterable ends after a `finished` event, and throws what a failed request failed with.
   * Leaving it early, or aborting the signal, cancels the request: its pages are free before the next step.
   */
  generate(request: GenerationRequest, signal?: AbortSignal): AsyncIterable<EngineEvent>;
  stats(): Promise<EngineStats>;
  readonly health: EngineHealth;
}

/** Whether an engine takes requests. While it starts again they wait and are answered then; once it has failed they fail too. */
export type EngineHealth =
  { readonly state: "ready" } | { readonly state: "restarting" | "failed"; readonly reason: string };

export interface EngineInfo {
  readonly vocabSize: number;
  /** Positions that one sequence may have, prompt and output together. */
  readonly contextLength: number;
  /** Positions that all sequences together may hold. */
  readonly cachePositions: number;
  /** Values of an embedding. Absent: the model's program reports no hidden states, and requests with `pooling` are refused. */
  readonly hiddenSize?: number;
  readonly device: EngineDevice;
}

/** What an engine runs on; for people and reports. */
export interface EngineDevice {
  /** The backend's name. */
  readonly backend: string;
  /** As the device describes itself: "AVX-512 VNNI, 2 threads". */
  readonly description: string;
  /** How many weights each kernel multiplies with. */
  readonly kernels: Readonly<Record<string, number>>;
  readonly weightBytes: number;
  /** Bytes of caches and of the buffers of one step. */
  readonly stepBytes: number;
}

export interface GenerationRequest {
  readonly promptIds: readonly number[];
  /**
   * The answer's beginning, where an engine that is gone has given it: it is not reported again, counts as output wherever output counts,
   * and is gone on with as if nothing had happened. Default none.
   */
  readonly outputIds?: readonly number[];
  /** Of the whole answer; at least 1. */
  readonly maxTokens: number;
  /** Generation ends after one of these, which is reported like every other token. */
  readonly stopIds: readonly number[];
  /** Tokens before the first at which a stop id may be drawn. Default 0. */
  readonly minTokens?: number;
  readonly sampling: SamplingParameters;
  /** The prompt is to become an embedding: nothing is generated. */
  readonly pooling?: Pooling;
  /** Reports this many of the likeliest tokens at every position, at most 20. */
  readonly topLogprobs?: number;
  /**
   * What the answer's text must look like. Only tokens that lead there are drawn, stop ids only where the text may end; where it must
   * end the request is finished, with the reason `stop`. Tokens after which it could not be ended within `maxTokens` any more are left
   * out, unless even the shortest text is too long for these. Default: anything goes.
   */
  readonly grammar?: CompiledGrammar;
  /**
   * Only requests of the same salt share the keys and values of what they have in common: how long a prompt takes tells a little of
   * what others have asked, which tenants of one server may not want. At most 256 characters; default "".
   */
  readonly cacheSalt?: string;
  /**
   * Lower comes first, and takes slots and pages from running ones of a higher number, which go on later. Requests of equal priority
   * are served by turns of their salts, then in order of arrival. An integer; default 0.
   */
  readonly priority?: number;
  /** From submission to the last token; beyond, the request fails with TimeoutError. Default: no limit. */
  readonly timeoutMs?: number;
  /** From submission until the first step that holds the request; beyond, it fails with OverloadedError. Default: no limit. */
  readonly queueTimeoutMs?: number;
}

/** What of a prompt's hidden states, after the last norm, is its embedding: that of the last token, or the mean of all. */
export type Pooling = "last" | "mean";

export type EngineEvent = TokenEvent | EmbeddingEvent | FinishedEvent;

/** The one event of a request with `pooling` before the last. */
export interface EmbeddingEvent {
  readonly type: "embedding";
  /** [hiddenSize], not normalised. */
  readonly values: Float32Array;
}

export interface TokenEvent {
  readonly type: "token";
  readonly id: number;
  /** Natural log of its probability before temperature and filters. */
  readonly logprob: number;
  readonly top?: readonly { readonly id: number; readonly logprob: number }[];
}

export interface FinishedEvent {
  readonly type: "finished";
  readonly reason: FinishReason;
  readonly usage: Usage;
  readonly timings: RequestTimings;
}

/** `stop`: a stop id, the end of the grammar, or the embedding is there; `length`: maxTokens or the end of the context; `cancelled`: the caller left. */
export type FinishReason = "stop" | "length" | "cancelled";

export interface Usage {
  readonly promptTokens: number;
  /** Those of promptTokens that were not computed, because a request before has left their keys and values. */
  readonly cachedTokens: number;
  readonly completionTokens: number;
}

export interface RequestTimings {
  /** From submission until the first step that held the request. */
  readonly queuedMs: number;
  /** From there to the first token. */
  readonly prefillMs: number;
  /** From the first token to the last. */
  readonly decodeMs: number;
}

export interface EngineStats {
  readonly waiting: number;
  readonly running: number;
  /** Pages that running requests hold; one that several share counts once. */
  readonly pagesUsed: number;
  /** Pages that nobody holds, and whose content later requests may take over. They are as good as free when pages are needed. */
  readonly pagesCached: number;
  readonly pagesTotal: number;
  readonly preemptions: number;
  readonly steps: number;
  /** How often the process that runs it has been replaced; the two counts above begin anew with it. */
  readonly restarts: number;
}
