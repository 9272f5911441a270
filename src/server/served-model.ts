import type { LLM } from "../llm/llm.ts";
import { ApiError } from "./api-error.ts";

/** A model that the server loads, and may unload and load again. */
export interface LoadableModel {
  /** The LLM is the server's, which closes it. */
  readonly load: (signal: AbortSignal) => Promise<LLM>;
}

/** `pending`: to be loaded for the first time, or on the way there; `failed`: the last attempt to load it did. */
export type ModelState = "pending" | "ready" | "unloading" | "unloaded" | "loading" | "failed";

/** One model, there or not. What is asked of it while it changes waits for that change. */
export class ServedModel {
  readonly #source: LLM | LoadableModel;
  #state: ModelState;
  #llm: LLM | undefined;
  #changes: Promise<unknown> = Promise.resolve();
  #giveUp = new AbortController();

  constructor(source: LLM | LoadableModel) {
    this.#source = source;
    if (!isLoadable(source)) this.#llm = source;
    this.#state = isLoadable(source) ? "pending" : "ready";
  }

  get state(): ModelState {
    return this.#state;
  }

  /** Undefined: it cannot be asked now. */
  get llm(): LLM | undefined {
    return this.#llm;
  }

  /** Settles when the model can be asked. Throws what loading throws. */
  load(): Promise<void> {
    return this.#change(async () => {
      if (this.#llm !== undefined || !isLoadable(this.#source)) return;
      this.#giveUp = new AbortController();
      if (this.#state !== "pending") this.#state = "loading";
      try {
        this.#llm = await this.#source.load(this.#giveUp.signal);
        this.#state = "ready";
      } catch (error) {
        this.#state = this.#giveUp.signal.aborted ? "unloaded" : "failed";
        throw error;
      }
    });
  }

  /**
   * Takes no more requests, waits for the answers that are under way, and frees what the model holds; loading is given up. Throws ApiError
   * 400 for a model that is the program's own.
   */
  async unload(): Promise<void> {
    if (!isLoadable(this.#source))
      throw new ApiError(400, "invalid_request_error", "the model was loaded by the program that serves it, not here");
    this.#giveUp.abort();
    await this.#change(async () => {
      const llm = this.#llm;
      this.#llm = undefined;
      this.#state = "unloading";
      await llm?.drain();
      await llm?.close();
      this.#state = "unloaded";
    });
  }

  /** Ends its answers and frees it, if it is the server's. */
  async close(): Promise<void> {
    if (!isLoadable(this.#source)) return;
    this.#giveUp.abort();
    await this.#change(async () => {
      await this.#llm?.close();
      this.#llm = undefined;
      this.#state = "unloaded";
    });
  }

  #change(change: () => Promise<void>): Promise<void> {
    const done = this.#changes.then(change);
    this.#changes = done.catch(() => undefined);
    return done;
  }
}

function isLoadable(source: LLM | LoadableModel): source is LoadableModel {
  return "load" in source;
}
