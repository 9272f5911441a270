/** Work that must be done before a request can go on, and that may take long. */
export interface Preparation {
  /** Does a little of it, which takes less than a millisecond; true: it is done. */
  readonly advance: () => boolean;
  /** Called once, when it is done. */
  readonly done: () => void;
  /** Called instead with what `advance` or `done` threw. */
  readonly fail: (error: unknown) => void;
}

/** What is being prepared, a little at a time between steps and while they run, so that nobody waits for another's work. */
export class Preparations {
  readonly #open = new Set<Preparation>();

  get size(): number {
    return this.#open.size;
  }

  add(preparation: Preparation): void {
    this.#open.add(preparation);
  }

  remove(preparation: Preparation): void {
    this.#open.delete(preparation);
  }

  /** Gives each a turn, and then one after the other more until the time is over. */
  advance(milliseconds: number): void {
    const end = performance.now() + milliseconds;
    do for (const preparation of [...this.#open]) this.#advance(preparation);
    while (this.#open.size > 0 && performance.now() < end);
  }

  #advance(preparation: Preparation): void {
    // One that was prepared before may have ended this one.
    if (!this.#open.has(preparation)) return;
    try {
      if (!preparation.advance()) return;
      this.#open.delete(preparation);
      preparation.done();
    } catch (error) {
      this.#open.delete(preparation);
      preparation.fail(error);
    }
  }
}
