import type { EngineStats } from "./engine.ts";

export interface WatchdogOptions {
  /** How long a step may take. Default 120 s; Infinity: for ever. */
  readonly stepTimeoutMs?: number | undefined;
  /** How long a process may leave a question unanswered. Default 10 s. */
  readonly heartbeatTimeoutMs?: number | undefined;
  /** How often it is asked. Default 1 s. */
  readonly intervalMs?: number | undefined;
}

/**
 * Judges from its answers whether a process that has requests still gets on with them: a native call that never returns leaves its
 * event loop alive, so that being answered is not enough; steps must end, too.
 *
 * Time is counted in questions, not read from a clock: where this process itself stood still (a laptop that slept, a frozen
 * container), nothing has been asked, and nobody is to blame.
 */
export class Watchdog {
  readonly intervalMs: number;
  readonly #mostUnanswered: number;
  readonly #mostWithoutStep: number;
  #unanswered = 0;
  #withoutStep = 0;
  #steps = -1;

  constructor({ stepTimeoutMs = 120_000, heartbeatTimeoutMs = 10_000, intervalMs = 1_000 }: WatchdogOptions = {}) {
    this.intervalMs = intervalMs;
    this.#mostUnanswered = Math.ceil(heartbeatTimeoutMs / intervalMs);
    this.#mostWithoutStep = Math.ceil(stepTimeoutMs / intervalMs);
  }

  /** Call before each question. Why the process must go; undefined: ask it. */
  ask(): string | undefined {
    const seconds = (intervals: number): number => (intervals * this.intervalMs) / 1000;
    if (this.#unanswered >= this.#mostUnanswered)
      return `has not answered for ${seconds(this.#unanswered)} s (its heartbeat)`;
    if (this.#withoutStep >= this.#mostWithoutStep)
      return `has been in one step for ${seconds(this.#withoutStep)} s (--step-timeout)`;
    this.#unanswered++;
    return undefined;
  }

  /** The answer to the last question. */
  hear({ steps, waiting, running }: Pick<EngineStats, "steps" | "waiting" | "running">): void {
    this.#unanswered = 0;
    const isStuck = waiting + running > 0 && steps === this.#steps;
    this.#withoutStep = isStuck ? this.#withoutStep + 1 : 0;
    this.#steps = steps;
  }

  /** Nothing is asked of the process for the time being, or it is another one. */
  rest(): void {
    this.#unanswered = 0;
    this.#withoutStep = 0;
    this.#steps = -1;
  }
}
