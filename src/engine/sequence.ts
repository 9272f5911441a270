import type { SamplingParameters } from "../device/sampling.ts";
import type { SequenceCache } from "../kv-cache/sequence-cache.ts";
import type { GrammarMatcher } from "../text/grammar/grammar-matcher.ts";
import { RequestError } from "../util/errors.ts";
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
  /** Absent: the answer may be anything. */
  readonly matcher?: GrammarMatcher | undefined;
  state: SequenceState = "waiting";
  /** Whether it takes longer to find out what may come next: until that is known, the sequence is in no batch. */
  isPreparing = false;
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

  /** Takes a matcher at its start, for a request with a grammar. */
  constructor(
    request: GenerationRequest,
    maxTokens: number,
    cache: SequenceCache,
    place: QueuePlace,
    matcher?: GrammarMatcher,
  ) {
    this.request = request;
    this.matcher = matcher;
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
    if (this.matcher?.isComplete) return "stop";
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

  /** Whether what is drawn next depends on the last token in a way that the host works out: penalties, a grammar, an early stop id. */
  get needsHost(): boolean {
    const { minTokens = 0 } = this.request;
    return this.counts !== undefined || this.matcher !== undefined || this.outputLength < minTokens;
  }

  /**
   * Works for some hundred microseconds on what may come next; true: that is known, and so is whether the answer is at its end. Throws
   * RequestError where no id may come next, though the answer cannot end.
   */
  prepareNext(): boolean {
    if (this.matcher === undefined) return true;
    if (!this.matcher.prepare(this.#limit)) return false;
    this.#requireNext(this.matcher);
    return true;
  }

  #requireNext(matcher: GrammarMatcher): void {
    if (matcher.accepts) return;
    const allowed = matcher.allowedWithin(this.#limit);
    const stops = [...this.#stopIds].filter((id) => ((allowed[id >> 5] >>> (id & 31)) & 1) === 1);
    const isStop = (word: number, i: number): boolean =>
      stops.filter((id) => id >> 5 === i).reduce((bits, id) => bits & ~(1 << (id & 31)), word) === 0;
    if (allowed.every((word, i) => word === 0 || isStop(word, i)))
      throw new RequestError(
        "the model's vocabulary has no token with which the answer could go on as its grammar wants",
      );
  }

  /** Tokens that there are to end the answer behind the next. A text that may end needs a stop id for that, or none: then it ends with the last token. */
  get #limit(): number {
    const left = this.maxTokens - this.outputLength - 1;
    return this.#stopIds.size > 0 ? left : left + 1;
  }

  /** What of the grammar's ids may come next: a stop id where the answer may end and nowhere else, whatever its text. */
  writeAllowed(words: Uint32Array): void {
    if (this.matcher === undefined) {
      words.fill(0xffff_ffff);
      return;
    }
    // Where the answer can still be ended within its tokens, only what leaves that so.
    words.set(this.matcher.allowedWithin(this.#limit));
    for (const id of this.#stopIds)
      if (this.matcher.accepts) words[id >> 5] |= 1 << (id & 31);
      else words[id >> 5] &= ~(1 << (id & 31));
  }

  /** Adds a sampled token. Returns why generation ends with it; undefined: it goes on. */
  accept(id: number): FinishReason | undefined {
    this.#tokens.push(id);
    this.counts?.addOutput(id);
    if (!this.#stopIds.has(id)) this.matcher?.accept(id);
    return this.end;
  }
}

function hasPenalty(sampling: SamplingParameters): boolean {
  return sampling.repetitionPenalty !== 1 || sampling.presencePenalty !== 0 || sampling.frequencyPenalty !== 0;
}
