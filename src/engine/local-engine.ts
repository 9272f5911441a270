import type { Executable } from "../device/backend.ts";
import type { PageKind } from "../device/program.ts";
import type { StepResult } from "../device/step.ts";
import { FormatError, OverloadedError, RequestError, TimeoutError } from "../util/errors.ts";
import type { Batch, Chunk } from "./batch.ts";
import type {
  Engine,
  EngineDevice,
  EngineEvent,
  EngineHealth,
  EngineInfo,
  EngineStats,
  FinishReason,
  GenerationRequest,
} from "./engine.ts";
import { EventQueue } from "./event-queue.ts";
import type { CompiledGrammar } from "../text/grammar/compiled-grammar.ts";
import type { GrammarMatcher } from "../text/grammar/grammar-matcher.ts";
import { GrammarMatchers } from "../text/grammar/grammar-matchers.ts";
import type { TokenBytes } from "../text/grammar/token-bytes.ts";
import { Preparations } from "./preparations.ts";
import { RequestClock } from "./request-clock.ts";
import { Scheduler } from "./scheduler.ts";
import type { Sequence } from "./sequence.ts";
import { StepBuilder } from "./step-builder.ts";
import { StepPace } from "./step-pace.ts";
import { validateRequest } from "./validate-request.ts";
import { yieldToLoop } from "../util/yield-to-loop.ts";

export interface LocalEngineOptions {
  readonly vocabSize: number;
  readonly pageKinds: readonly PageKind[];
  /** Positions that one sequence may have, prompt and output together; less where the pages hold less. */
  readonly contextLength: number;
  /** As Model.ropeSwitchLength. */
  readonly ropeSwitchLength?: number;
  /** Whether requests share the keys and values of what they begin with, also with finished ones. Default true. */
  readonly prefixReuse?: boolean;
  /** Width of the hidden states that steps report; absent: they report none. */
  readonly hiddenSize?: number;
  readonly device: EngineDevice;
  /** What the tokens stand for; asked for when the first request with a grammar comes. Absent or undefined: nobody knows. */
  readonly tokenBytes?: () => Promise<TokenBytes | undefined>;
  /** Called once, when the last step is over: where the owner lets go of executable, weights and device. */
  readonly release?: () => Promise<void>;
}

/** For grammars, with every step: steps of small models take some milliseconds, and the cores that this uses are theirs. */
const preparationMs = 1;
const lookAheadMs = 1;

/** An engine in this process. Borrows the executable; its limits say how large a step is and how many sequences run at once. */
export function createLocalEngine(executable: Executable, options: LocalEngineOptions): LocalEngine {
  return new LocalEngine(executable, options);
}

/** The step loop: it runs while there is work, leaves the event loop its turn after every step, and is nothing at all when idle. */
export class LocalEngine implements Engine {
  readonly info: EngineInfo;
  readonly #executable: Executable;
  readonly #scheduler: Scheduler;
  readonly #builders: [StepBuilder, StepBuilder];
  readonly #release: () => Promise<void>;
  readonly #tokenBytes: LocalEngineOptions["tokenBytes"];
  #grammars: Promise<GrammarMatchers> | undefined;
  readonly #active = new Map<Sequence, ActiveRequest>();
  readonly #preparations = new Preparations();
  #loop: Promise<void> | undefined;
  #disposal: Promise<void> | undefined;
  #steps = 0;
  readonly #pace = new StepPace();
  /** When the last step was over. */
  #lastEnd = 0;

  constructor(executable: Executable, options: LocalEngineOptions) {
    const { limits } = executable;
    const { vocabSize, pageKinds, device, release = () => Promise.resolve() } = options;
    this.#executable = executable;
    this.#scheduler = new Scheduler({ ...options, limits });
    this.#builders = [new StepBuilder(limits, vocabSize), new StepBuilder(limits, vocabSize)];
    this.#release = release;
    this.#tokenBytes = options.tokenBytes;
    this.info = {
      vocabSize,
      ...(options.hiddenSize !== undefined && { hiddenSize: options.hiddenSize }),
      device,
      contextLength: this.#scheduler.contextLength,
      cachePositions: limits.pageSize * leastPages(pageKinds, limits.pageCounts),
    };
  }

  generate(request: GenerationRequest, signal?: AbortSignal): AsyncIterable<EngineEvent> {
    let sequence: Sequence | undefined;
    let isCancelled = signal?.aborted ?? false;
    const cancel = () => {
      isCancelled = true;
      if (sequence !== undefined) this.#finish(sequence, "cancelled");
    };
    const clock = new RequestClock();
    const events = new EventQueue<EngineEvent>(cancel);
    const submit = (matcher?: GrammarMatcher): void => {
      this.#requireOpen();
      sequence = this.#scheduler.add(request, matcher);
      const onEnd = () => signal?.removeEventListener("abort", cancel);
      this.#active.set(sequence, { events, clock, onEnd });
      if (isCancelled) cancel();
      else this.#goOn(sequence, ({ end }) => end);
    };
    signal?.addEventListener("abort", cancel);
    const refuse = (error: unknown): void => {
      signal?.removeEventListener("abort", cancel);
      events.fail(error);
    };
    try {
      this.#requireOpen();
      validateRequest(request, this.info.vocabSize);
      if (request.pooling !== undefined && this.info.hiddenSize === undefined)
        throw new RequestError("the model reports no hidden states, of which embeddings are made");
      if (request.grammar === undefined) submit();
      else this.#prepareMatcher(request.grammar, () => isCancelled, submit, refuse).catch(refuse);
    } catch (error) {
      refuse(error);
    }
    return events;
  }

  #requireOpen(): void {
    if (this.#disposal !== undefined) throw new RequestError("the engine has been disposed; it takes no more requests");
  }

  /** Submits a request when it is known what it may begin with. Throws RequestError where there is no vocabulary. */
  async #prepareMatcher(
    grammar: CompiledGrammar,
    isCancelled: () => boolean,
    submit: (matcher: GrammarMatcher) => void,
    fail: (error: unknown) => void,
  ): Promise<void> {
    this.#grammars ??= this.#openGrammars();
    const matcher = (await this.#grammars).matcher(grammar);
    const isOver = (): boolean => isCancelled() || this.#disposal !== undefined;
    this.#preparations.add({
      advance: () => isOver() || matcher.prepare(Infinity),
      done: () => submit(matcher),
      fail,
    });
    this.#wake();
  }

  async #openGrammars(): Promise<GrammarMatchers> {
    const tokens = await this.#tokenBytes?.();
    if (tokens === undefined)
      throw new RequestError("the model has no tokenizer: an answer of token ids cannot be held to a grammar");
    return new GrammarMatchers(tokens, this.info.vocabSize);
  }

  stats(): Promise<EngineStats> {
    const { waiting, running, pool, preemptions } = this.#scheduler;
    return Promise.resolve({
      waiting: waiting.length,
      running: running.length,
      pagesUsed: pool.used,
      pagesCached: pool.cached,
      pagesTotal: pool.total,
      preemptions,
      steps: this.#steps,
      restarts: 0,
    });
  }

  get health(): EngineHealth {
    return this.#disposal === undefined ? { state: "ready" } : { state: "failed", reason: "disposed" };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposal ??= this.#dispose();
    return this.#disposal;
  }

  /** Ends all requests as cancelled, and waits for the step in flight: the device still writes to what is about to be freed. */
  async #dispose(): Promise<void> {
    for (const sequence of [...this.#active.keys()]) this.#finish(sequence, "cancelled");
    await this.#loop;
    await this.#release();
  }

  /** True, or throws what is wrong. Holds at any time. */
  checkIntegrity(): true {
    const { waiting, running } = this.#scheduler;
    const known = [...waiting, ...running].filter((sequence) => this.#active.has(sequence)).length;
    if (known !== this.#active.size || known !== waiting.length + running.length)
      throw new Error(`${this.#active.size} active requests, ${waiting.length} waiting and ${running.length} running`);
    return this.#scheduler.checkIntegrity();
  }

  #wake(): void {
    this.#loop ??= this.#run();
  }

  async #run(): Promise<void> {
    // Before the first step too: requests that are submitted together start together.
    for (await yieldToLoop(); this.#scheduler.hasWork || this.#preparations.size > 0; await yieldToLoop())
      await this.#step();
    // At once, not when the promise settles: a request that comes in between must start another loop.
    this.#loop = undefined;
  }

  /** Never throws: what goes wrong in a step fails the requests in it, and the others go on. */
  async #step(): Promise<void> {
    let batch: Batch | undefined;
    try {
      this.#expire();
      this.#preparations.advance(preparationMs);
      batch = this.#scheduler.nextBatch((decoding) => this.#pace.promptTokens(decoding));
      if (batch === undefined) return;
      for (const { sequence } of batch.chunks) this.#active.get(sequence)?.clock.start();
      let running = this.#launch(batch);
      this.#lookAhead(batch);
      for (;;) {
        const ahead: Batch | undefined = this.#executable.runsAhead ? this.#scheduler.aheadOf(batch) : undefined;
        const next: Promise<StepResult> | undefined = ahead && this.#launch(ahead);
        next?.catch(() => undefined); // looked at when it is its turn
        try {
          this.#deliver(batch, await running);
        } catch (error) {
          // The device still writes to what these hold.
          await next?.catch(() => undefined);
          throw error;
        }
        if (ahead === undefined || next === undefined) return;
        [batch, running] = [ahead, next];
        await yieldToLoop();
        this.#expire();
      }
    } catch (error) {
      const sequences = batch?.chunks.map(({ sequence }) => sequence) ?? [...this.#active.keys()];
      for (const sequence of sequences) this.#fail(sequence, error);
    }
  }

  async #launch(batch: Batch): Promise<StepResult> {
    // Two, since the arrays of a step that runs must stay as they are while the next one is built.
    this.#builders.reverse();
    const start = performance.now();
    const result = await this.#executable.step(this.#builders[0].build(batch));
    const end = performance.now();
    // One that was handed over while another ran has begun when that was over.
    this.#pace.observe(batch.tokenCount, end - Math.max(start, this.#lastEnd));
    this.#lastEnd = end;
    this.#steps++;
    return result;
  }

  /** Fails the requests whose time is over. Steps are short beside such times: looking between them is often enough. */
  #expire(): void {
    for (const [sequence, { clock }] of [...this.#active]) {
      const { timeoutMs = Infinity, queueTimeoutMs = Infinity } = sequence.request;
      if (clock.elapsedMs > timeoutMs)
        this.#fail(sequence, new TimeoutError(`the request has taken more than the ${timeoutMs} ms that it was given`));
      else if (!clock.hasStarted && clock.elapsedMs > queueTimeoutMs)
        this.#fail(
          sequence,
          new OverloadedError(
            `the request has waited for ${queueTimeoutMs} ms behind others, and is not begun any more`,
          ),
        );
    }
  }

  #deliver({ chunks }: Batch, result: StepResult): void {
    let row = 0;
    for (const chunk of chunks) {
      // A request that was cancelled while the step ran has no pages any more, and nobody who listens.
      if (chunk.sequence.state === "running") {
        this.#scheduler.complete(chunk);
        if (chunk.samples) this.#deliverToken(chunk.sequence, row, result);
        else if (chunk.sequence.request.pooling !== undefined) this.#pool(chunk, row, result);
      }
      row += chunk.outputs;
    }
  }

  /** Adds up what the chunk's outputs from row `row` on are; with the prompt's last token the embedding is there. */
  #pool({ sequence, start, end, outputs }: Chunk, row: number, { hidden }: StepResult): void {
    const { hiddenSize = 0 } = this.info;
    const rows = hidden?.subarray(row * hiddenSize, (row + outputs) * hiddenSize);
    if (rows?.length !== outputs * hiddenSize)
      throw new Error("the device gave no hidden states for a step that wants them");
    // A pre-empted sequence begins anew.
    if (start === 0 || sequence.hiddenSum === undefined) sequence.hiddenSum = new Float64Array(hiddenSize);
    const sum = sequence.hiddenSum;
    for (let i = 0; i < rows.length; i++) sum[i % hiddenSize] += rows[i];
    if (end < sequence.tokens.length) return;
    const count = sequence.request.pooling === "mean" ? end : 1;
    const values = Float32Array.from(sum, (value) => value / count);
    if (!values.every(Number.isFinite)) {
      this.#fail(
        sequence,
        new FormatError(
          "the hidden states hold a NaN or an infinity: weights of the checkpoint are damaged, or overflow",
        ),
      );
      return;
    }
    const { events, clock } = this.#active.get(sequence)!;
    clock.token();
    events.push({ type: "embedding", values });
    this.#finish(sequence, "stop");
  }

  #deliverToken(sequence: Sequence, row: number, result: StepResult): void {
    const { events, clock } = this.#active.get(sequence)!;
    const id = result.samples[row];
    if (id < 0) {
      const position = sequence.promptLength + sequence.outputLength;
      this.#fail(
        sequence,
        new FormatError(
          `the logits at position ${position} hold a NaN or nothing finite, so that no token can be drawn: ` +
            "weights of the checkpoint are damaged, or overflow",
        ),
      );
      return;
    }
    if (id >= this.info.vocabSize) {
      this.#fail(sequence, new Error(`the device sampled id ${id} of a vocabulary of ${this.info.vocabSize}`));
      return;
    }
    clock.token();
    const token = { type: "token", id, logprob: result.logprobs[row] } as const;
    const top = topOf(result, row, sequence.request.topLogprobs ?? 0);
    events.push(top.length > 0 ? { ...token, top } : token);
    this.#goOn(sequence, (each) => each.accept(id));
  }

  /** Ends a request that has an end, fails one that cannot go on, and sees to it that the others do. */
  #goOn(sequence: Sequence, endOf: (sequence: Sequence) => FinishReason | undefined): void {
    try {
      const end = endOf(sequence);
      if (end !== undefined) {
        this.#finish(sequence, end);
        return;
      }
      this.#prepareNext(sequence);
      this.#wake();
    } catch (error) {
      this.#fail(sequence, error);
    }
  }

  /** Here, where what is wrong with one grammar is no other request's fault; who builds the step finds it done. */
  #prepareNext(sequence: Sequence): void {
    const endUnlessGoingOn = (): void => {
      sequence.isPreparing = false;
      if (sequence.end !== undefined) this.#finish(sequence, sequence.end);
    };
    if (sequence.prepareNext()) {
      endUnlessGoingOn();
      return;
    }
    sequence.isPreparing = true;
    const isOver = (): boolean => sequence.state === "finished";
    this.#preparations.add({
      advance: () => isOver() || sequence.prepareNext(),
      done: () => {
        if (!isOver()) endUnlessGoingOn();
      },
      fail: (error) => this.#fail(sequence, error),
    });
  }

  /** While the device computes: finds out what grammars will allow next, as far as that can be guessed and does not take long. */
  #lookAhead({ chunks }: Batch): void {
    this.#preparations.advance(preparationMs);
    const end = performance.now() + lookAheadMs;
    for (const { samples, sequence } of chunks)
      try {
        while (samples && sequence.matcher !== undefined && performance.now() < end && !sequence.matcher.lookAhead());
      } catch {
        // A request that really comes to where its grammar cannot be followed fails there, alone.
      }
  }

  #finish(sequence: Sequence, reason: FinishReason): void {
    const active = this.#retire(sequence);
    const usage = {
      promptTokens: sequence.promptLength,
      cachedTokens: sequence.reusedTokens ?? 0,
      completionTokens: sequence.outputLength,
    };
    active?.events.push({ type: "finished", reason, usage, timings: active.clock.timings() });
    active?.events.end();
  }

  #fail(sequence: Sequence, error: unknown): void {
    this.#retire(sequence)?.events.fail(error);
  }

  /** Frees what the sequence holds. Undefined: it has been retired before. */
  #retire(sequence: Sequence): ActiveRequest | undefined {
    const active = this.#active.get(sequence);
    if (active === undefined) return undefined;
    this.#active.delete(sequence);
    this.#scheduler.finish(sequence);
    active.onEnd();
    return active;
  }
}

interface ActiveRequest {
  readonly events: EventQueue<EngineEvent>;
  readonly clock: RequestClock;
  onEnd(): void;
}

/** The likeliest tokens of one row; a step reports as many as its greediest request wants, for all rows. */
function topOf({ samples, topIds, topLogprobs }: StepResult, row: number, count: number) {
  const stride = topIds.length / samples.length;
  return Array.from({ length: count }, (_, i) => ({
    id: topIds[row * stride + i],
    logprob: topLogprobs[row * stride + i],
  }));
}

/** Pages of the kind that runs out first: of those that keep every position, if there are such. */
function leastPages(kinds: readonly PageKind[], pageCounts: readonly number[]): number {
  const keepsAll = kinds.some(({ window }) => window === undefined);
  return Math.min(...pageCounts.filter((_, kind) => !keepsAll || kinds[kind].window === undefined));
}
