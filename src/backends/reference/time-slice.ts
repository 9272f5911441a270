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
    await turnOfEventLoop();
    this.#start = performance.now();
  }
}

/** A message to oneself: timers are clamped to 4 ms in browsers, and only Node has setImmediate. */
function turnOfEventLoop(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    const received = (): void => {
      port1.close(); // an open port keeps Node alive
      resolve();
    };
    port1.addEventListener("message", received, { once: true });
    port1.start();
    port2.postMessage(undefined);
  });
}
