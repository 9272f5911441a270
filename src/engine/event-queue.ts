/**
 * Hands events from whoever makes them to one asynchronous loop. Events wait until they are taken. After `end` the loop finishes
 * with the last event, after `fail` it throws there. `onLeave` runs once when the loop is left before that.
 */
export class EventQueue<Event> implements AsyncIterableIterator<Event> {
  readonly #events: Event[] = [];
  readonly #readers: Reader<Event>[] = [];
  readonly #onLeave: () => void;
  #isClosed = false;
  #failure: Error | undefined;

  constructor(onLeave: () => void) {
    this.#onLeave = onLeave;
  }

  push(event: Event): void {
    if (this.#isClosed) return;
    const reader = this.#readers.shift();
    if (reader === undefined) this.#events.push(event);
    else reader.resolve({ done: false, value: event });
  }

  end(): void {
    this.#isClosed = true;
    for (const reader of this.#readers.splice(0)) reader.resolve({ done: true, value: undefined });
  }

  fail(cause: unknown): void {
    if (this.#isClosed) return;
    const error = cause instanceof Error ? cause : new Error(String(cause), { cause });
    const reader = this.#readers.shift();
    if (reader === undefined) this.#failure = error;
    else reader.reject(error);
    this.end();
  }

  next(): Promise<IteratorResult<Event, undefined>> {
    const event = this.#events.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.#failure !== undefined) {
      const error = this.#failure;
      this.#failure = undefined;
      return Promise.reject(error);
    }
    if (this.#isClosed) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<Event, undefined>> {
    this.#events.length = 0;
    this.#failure = undefined;
    if (!this.#isClosed) {
      this.end();
      this.#onLeave();
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

interface Reader<Event> {
  resolve(result: IteratorResult<Event, undefined>): void;
  reject(error: Error): void;
}
