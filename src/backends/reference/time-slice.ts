import { yieldToLoop } from "../../util/yield-to-loop.ts";

/** How long a step may keep the event loop waiting. */
const sliceMs = 10;

/** Gives timers, sockets and other steps their turn whenever some milliseconds of computing have passed. */
export class TimeSlice {
  #start = performance.now();

  get isSpent(): boolean {
    return performance.now() - this.#start >= sliceMs;
  }

  /** Resolves after a turn of the event loop, and starts the next slice. */
  async rest(): Promise<void> {
    await yieldToLoop();
    this.#start = performance.now();
  }
}
