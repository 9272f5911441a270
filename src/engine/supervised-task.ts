import type { EngineEvent, FinishedEvent, GenerationRequest, TokenEvent } from "./engine.ts";
import type { EventQueue } from "./event-queue.ts";

/** A request on its way through one process or several. */
export class SupervisedTask {
  readonly request: GenerationRequest;
  readonly events: EventQueue<EngineEvent>;
  readonly cancellation: AbortController;
  readonly onEnd: () => void;
  /** For how many crashes it was alone to blame. */
  blames = 0;
  /** Settles when the process has no more to say to it. */
  following: Promise<void> = Promise.resolve();
  readonly #said: number[] = [];
  readonly #arrived = performance.now();
  #submissions = 0;
  #firstToken: number | undefined;
  #lastToken = 0;

  constructor(
    request: GenerationRequest,
    events: EventQueue<EngineEvent>,
    cancellation: AbortController,
    onEnd: () => void,
  ) {
    this.request = request;
    this.events = events;
    this.cancellation = cancellation;
    this.onEnd = onEnd;
  }

  /** What its reader has been told. */
  get said(): readonly number[] {
    return this.#said;
  }

  /** Tells its reader. */
  say(event: TokenEvent): void {
    this.#said.push(event.id);
    this.#lastToken = performance.now();
    this.#firstToken ??= this.#lastToken;
    this.events.push(event);
  }

  /** What is left of the request, and of its time, for the process that it is submitted to now. */
  remainder(): GenerationRequest {
    this.#submissions++;
    const { outputIds = [], timeoutMs, queueTimeoutMs } = this.request;
    const elapsed = performance.now() - this.#arrived;
    const left = (time: number): number => Math.max(1, time - elapsed);
    const hasSaid = this.#said.length > 0;
    return {
      ...this.request,
      ...(hasSaid && { outputIds: [...outputIds, ...this.#said] }),
      ...(timeoutMs !== undefined && { timeoutMs: left(timeoutMs) }),
      // Whoever has said something has waited before.
      ...(queueTimeoutMs !== undefined && { queueTimeoutMs: hasSaid ? Infinity : left(queueTimeoutMs) }),
    };
  }

  /** With the times that its reader has seen, where the process that finishes it knows a part of them only. */
  withTimes(event: FinishedEvent): FinishedEvent {
    if (this.#submissions === 1) return event;
    const { prefillMs } = event.timings;
    const firstToken = this.#firstToken ?? performance.now();
    const queuedMs = Math.max(0, firstToken - this.#arrived - prefillMs);
    const decodeMs = this.#firstToken === undefined ? 0 : this.#lastToken - this.#firstToken;
    return { ...event, timings: { queuedMs, prefillMs: firstToken - this.#arrived - queuedMs, decodeMs } };
  }
}
