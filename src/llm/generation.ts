import type {
  Engine,
  EngineEvent,
  FinishReason,
  GenerationRequest,
  RequestTimings,
  TokenEvent,
  Usage,
} from "../engine/engine.ts";
import { EventQueue } from "../engine/event-queue.ts";
import { StopStrings } from "../text/stop-strings.ts";
import type { DecodeStream, Tokenizer } from "../text/tokenizer/tokenizer.ts";

export type { FinishReason, TokenEvent, Usage } from "../engine/engine.ts";

export type GenerationEvent = TextEvent | TokenEvent | GenerationFinishedEvent;

/** More of the answer. Whole characters; put together they are the result's text. */
export interface TextEvent {
  readonly type: "text";
  readonly text: string;
}

/** The last event. */
export interface GenerationFinishedEvent {
  readonly type: "finished";
  readonly finishReason: FinishReason;
  readonly usage: Usage;
  readonly timings: GenerationTimings;
}

export interface GenerationResult {
  /** null: the model has no tokenizer. */
  readonly text: string | null;
  readonly promptIds: readonly number[];
  /** The tokens of the answer, the one that ended it included. */
  readonly ids: readonly number[];
  /** "stop": the model ended its turn, or a stop text came; "length": maxTokens or the end of the context; "cancelled". */
  readonly finishReason: FinishReason;
  /** The stop text that ended the answer. */
  readonly stop?: string;
  /** One for every id, where log-probabilities were asked for. */
  readonly logprobs?: readonly TokenEvent[];
  /** With it the same answer can be had again. */
  readonly seed: number;
  readonly usage: Usage;
  readonly timings: GenerationTimings;
}

export interface GenerationTimings extends RequestTimings {
  /** Opening the model, which happened once before. */
  readonly loadMs: number;
  /** Of the prompt's tokens that were computed. 0 where there is nothing to measure. */
  readonly prefillTokensPerSecond: number;
  readonly decodeTokensPerSecond: number;
}

/** A request, and what its tokens become. */
export interface GenerationJob {
  readonly engine: Engine;
  readonly request: GenerationRequest;
  readonly tokenizer: Tokenizer | undefined;
  readonly stops: readonly string[];
  /** Texts that are special tokens; their ids are among the request's stop ids. */
  readonly stopTokens: ReadonlyMap<number, string>;
  readonly skipSpecial: boolean;
  /** Special tokens that are text where others are left out, by id. */
  readonly keptSpecial: ReadonlyMap<number, string>;
  /** Whether the result has log-probabilities. */
  readonly logprobs: boolean;
  readonly loadMs: number;
  /** Told how long every token but the first has been in coming after the one before it. */
  readonly onTokenGap: (ms: number) => void;
}

/**
 * An answer under way: it begins at once, and both ways to follow it may be used or left.
 *
 * - `for await (const event of generation)` gives every event, once; leaving the loop early ends the answer.
 * - `await generation.result` gives the whole.
 *
 * What goes wrong is thrown by either. Aborting the signal is no error: the answer ends where it is.
 */
export class Generation implements AsyncIterable<GenerationEvent> {
  readonly result: Promise<GenerationResult>;
  /**
   * Settles when the request has been checked and is with the engine, and has been begun where it might wait for too long: what fails
   * from here on is no fault of the caller's.
   */
  readonly accepted: Promise<void>;
  readonly #events: EventQueue<GenerationEvent>;

  /** `prepare` makes the request; what it throws is the generation's error. */
  constructor(prepare: () => Promise<GenerationJob>, signal?: AbortSignal) {
    const cancellation = new AbortController();
    const cancel = (): void => cancellation.abort();
    if (signal?.aborted) cancel();
    signal?.addEventListener("abort", cancel);
    this.#events = new EventQueue(cancel);
    const job = prepare();
    let begin = (): void => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    this.result = this.#run(job, cancellation, begin).finally(() => signal?.removeEventListener("abort", cancel));
    const mayBegin = job.then(({ request }) =>
      request.queueTimeoutMs === undefined ? undefined : Promise.race([begun, this.result]),
    );
    this.accepted = mayBegin.then(() => undefined);
    this.accepted.catch(() => undefined);
    // Whoever follows the events need not look at the result.
    this.result.catch(() => undefined);
  }

  [Symbol.asyncIterator](): AsyncIterator<GenerationEvent, undefined> {
    return this.#events;
  }

  async #run(
    preparing: Promise<GenerationJob>,
    cancellation: AbortController,
    begin: () => void,
  ): Promise<GenerationResult> {
    try {
      const job = await preparing;
      const answer = new Answer(job, (event) => this.#events.push(event));
      for await (const event of job.engine.generate(job.request, cancellation.signal)) {
        begin();
        answer.take(event);
        if (answer.isStopped) cancellation.abort();
      }
      const result = answer.result();
      this.#events.end();
      return result;
    } catch (error) {
      this.#events.fail(error);
      throw error;
    }
  }
}

/** Turns an engine's events into text events and, at the end, the result. */
class Answer {
  readonly #job: GenerationJob;
  readonly #emit: (event: GenerationEvent) => void;
  readonly #stopIds: ReadonlySet<number>;
  readonly #decoder: DecodeStream | undefined;
  readonly #stops: StopStrings;
  readonly #tokens: TokenEvent[] = [];
  #text = "";
  #lastTokenAt: number | undefined;
  /** The last token as a text to stop at; undefined: it is none. */
  #stopToken: string | undefined;
  #result: GenerationResult | undefined;

  constructor(job: GenerationJob, emit: (event: GenerationEvent) => void) {
    this.#job = job;
    this.#emit = emit;
    this.#stopIds = new Set(job.request.stopIds);
    this.#decoder = job.tokenizer?.decodeStream({
      skipSpecial: job.skipSpecial,
      // A grammar judges every token as one behind others.
      continues: job.request.grammar !== undefined,
    });
    this.#stops = new StopStrings(job.stops);
  }

  /** A stop text has come: what the engine still says does not count. */
  get isStopped(): boolean {
    return this.#stops.found !== undefined;
  }

  take(event: EngineEvent): void {
    if (event.type === "token") this.#takeToken(event);
    else if (event.type === "finished") this.#finish(event);
  }

  result(): GenerationResult {
    if (this.#result === undefined) throw new Error("the engine ended a request without saying so");
    return this.#result;
  }

  #takeToken(event: TokenEvent): void {
    if (this.isStopped) return;
    const now = performance.now();
    if (this.#lastTokenAt !== undefined) this.#job.onTokenGap(now - this.#lastTokenAt);
    this.#lastTokenAt = now;
    this.#tokens.push(event);
    this.#emit(event);
    this.#stopToken = this.#job.stopTokens.get(event.id);
    if (!this.#stopIds.has(event.id) || this.#isShown(event.id)) this.#say(this.#unstopped(this.#textOf(event.id)));
  }

  #textOf(id: number): string {
    return (this.#decoder?.push(id) ?? "") + (this.#job.keptSpecial.get(id) ?? "");
  }

  /** What of the text comes before a stop text; it is too early for one as long as minTokens have not come. */
  #unstopped(text: string): string {
    return this.#tokens.length > (this.#job.request.minTokens ?? 0) ? this.#stops.push(text) : text;
  }

  /** What ends an answer is text only where special tokens are, and it was not asked for as a text to stop at. */
  #isShown(id: number): boolean {
    const { tokenizer, skipSpecial } = this.#job;
    return !skipSpecial && this.#stopToken === undefined && (tokenizer?.isSpecial(id) ?? false);
  }

  #finish({ reason, usage, timings }: Extract<EngineEvent, { type: "finished" }>): void {
    this.#say(this.#stops.push(this.#decoder?.finish() ?? ""));
    this.#say(this.#stops.finish());
    const { request, tokenizer, loadMs, logprobs } = this.#job;
    const stop = this.#stops.found ?? this.#stopToken;
    const finished = {
      finishReason: this.isStopped ? "stop" : reason,
      usage: { ...usage, completionTokens: this.#tokens.length },
      timings: {
        loadMs,
        ...timings,
        prefillTokensPerSecond: perSecond(usage.promptTokens - usage.cachedTokens, timings.prefillMs),
        // The first token came with the prompt; the engine's own count, which may be ahead of a stop text.
        decodeTokensPerSecond: perSecond(Math.max(0, usage.completionTokens - 1), timings.decodeMs),
      },
    } as const;
    this.#emit({ type: "finished", ...finished });
    this.#result = {
      text: tokenizer === undefined ? null : this.#text,
      promptIds: request.promptIds,
      ids: this.#tokens.map(({ id }) => id),
      ...(stop !== undefined && { stop }),
      ...(logprobs && { logprobs: this.#tokens }),
      seed: request.sampling.seed,
      ...finished,
    };
  }

  #say(text: string): void {
    if (text === "") return;
    this.#text += text;
    this.#emit({ type: "text", text });
  }
}

function perSecond(count: number, milliseconds: number): number {
  return milliseconds > 0 ? (1000 * count) / milliseconds : 0;
}
