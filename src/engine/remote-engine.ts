import { RequestError } from "../util/errors.ts";
import type { Engine, EngineEvent, EngineHealth, EngineInfo, EngineStats, GenerationRequest } from "./engine.ts";
import { EventQueue } from "./event-queue.ts";
import { decodeError, type EngineCommand, type EngineReply, type Port } from "./wire.ts";

/** The other end of `serveEngine`: an engine behind a port. Whoever owns the process behind it calls `fail` when that is gone. */
export class RemoteEngine implements Engine {
  readonly info: EngineInfo;
  readonly #port: Port<EngineReply, EngineCommand>;
  readonly #requests = new Map<number, RemoteRequest>();
  readonly #statsCalls = new Map<number, StatsCall>();
  #lastId = 0;
  /** What new requests and calls fail with; undefined: the engine lives. */
  #failure: Error | undefined;
  #disposal: Promise<void> | undefined;
  #onDisposed: () => void = () => undefined;

  /** Waits for the engine behind the port to be ready. Never settles where that fails to start: race it against the process' end. */
  static connect(port: Port<EngineReply, EngineCommand>): Promise<RemoteEngine> {
    return new Promise((resolve) => {
      let engine: RemoteEngine | undefined;
      port.onMessage((reply) => {
        if (reply.type === "ready") {
          engine = new RemoteEngine(reply.info, port);
          resolve(engine);
        } else if (engine !== undefined) engine.#receive(reply);
      });
    });
  }

  private constructor(info: EngineInfo, port: Port<EngineReply, EngineCommand>) {
    this.info = info;
    this.#port = port;
  }

  generate(request: GenerationRequest, signal?: AbortSignal): AsyncIterable<EngineEvent> {
    const requestId = ++this.#lastId;
    const cancel = () => this.#post({ type: "cancel", requestId });
    const events = new EventQueue<EngineEvent>(() => {
      this.#retire(requestId);
      cancel();
    });
    if (this.#failure !== undefined) {
      events.fail(this.#failure);
      return events;
    }
    signal?.addEventListener("abort", cancel);
    this.#requests.set(requestId, { events, onEnd: () => signal?.removeEventListener("abort", cancel) });
    this.#post({ type: "generate", requestId, request });
    if (signal?.aborted) cancel();
    return events;
  }

  stats(): Promise<EngineStats> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const callId = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#statsCalls.set(callId, { resolve, reject });
      this.#post({ type: "stats", callId });
    });
  }

  get health(): EngineHealth {
    return this.#failure === undefined ? { state: "ready" } : { state: "failed", reason: this.#failure.message };
  }

  /** Settles when the engine behind the port is disposed of, or gone. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposal ??= new Promise((resolve) => {
      this.#onDisposed = resolve;
      if (this.#failure !== undefined) resolve();
      else this.#post({ type: "dispose" });
    });
    return this.#disposal;
  }

  /** What is behind the port is gone: all that runs fails with `error`, and so does what comes after. */
  fail(error: Error): void {
    this.#failure ??= error;
    for (const [requestId, { events }] of [...this.#requests]) {
      this.#retire(requestId);
      events.fail(error);
    }
    for (const { reject } of this.#statsCalls.values()) reject(error);
    this.#statsCalls.clear();
    this.#onDisposed();
  }

  #post(command: EngineCommand): void {
    if (this.#failure === undefined) this.#port.post(command);
  }

  #receive(reply: Exclude<EngineReply, { type: "ready" }>): void {
    switch (reply.type) {
      case "event":
        // A request that its caller has left may still have events under way.
        this.#requests.get(reply.requestId)?.events.push(reply.event);
        if (reply.event.type === "finished") this.#retire(reply.requestId)?.events.end();
        break;
      case "request-failed":
        this.#retire(reply.requestId)?.events.fail(decodeError(reply.error));
        break;
      case "stats":
        this.#statsCalls.get(reply.callId)?.resolve(reply.stats);
        this.#statsCalls.delete(reply.callId);
        break;
      case "stats-failed":
        this.#statsCalls.get(reply.callId)?.reject(decodeError(reply.error));
        this.#statsCalls.delete(reply.callId);
        break;
      case "disposed":
        this.fail(new RequestError("the engine has been disposed; it takes no more requests"));
        break;
      default:
        reply satisfies never;
    }
  }

  #retire(requestId: number): RemoteRequest | undefined {
    const request = this.#requests.get(requestId);
    this.#requests.delete(requestId);
    request?.onEnd();
    return request;
  }
}

interface RemoteRequest {
  readonly events: EventQueue<EngineEvent>;
  onEnd(): void;
}

interface StatsCall {
  readonly resolve: (stats: EngineStats) => void;
  readonly reject: (error: Error) => void;
}
