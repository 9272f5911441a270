import type { RequestTimings } from "./engine.ts";

/** When a request was submitted (now), first held by a step, and when its first and last tokens came. */
export class RequestClock {
  readonly #submitted = performance.now();
  #started: number | undefined;
  #firstToken: number | undefined;
  #lastToken: number | undefined;

  get elapsedMs(): number {
    return performance.now() - this.#submitted;
  }

  get hasStarted(): boolean {
    return this.#started !== undefined;
  }

  /** Only the first call counts: a pre-empted request has started all the same. */
  start(): void {
    this.#started ??= performance.now();
  }

  token(): void {
    this.#lastToken = performance.now();
    this.#firstToken ??= this.#lastToken;
  }

  /** Phases that the request did not reach last until now, or 0 where they have not begun. */
  timings(): RequestTimings {
    const now = performance.now();
    const started = this.#started ?? now;
    const firstToken = this.#firstToken ?? now;
    return {
      queuedMs: started - this.#submitted,
      prefillMs: firstToken - started,
      decodeMs: (this.#lastToken ?? firstToken) - firstToken,
    };
  }
}
