/** How often every distinct id of a sequence is in its output, as the flat arrays that penalties are computed from (SamplingStep). */
export class TokenCounts {
  readonly #index = new Map<number, number>();
  #ids = new Int32Array(64);
  #counts = new Int32Array(64);

  /** Prompt ids start with a count of 0: they matter for the repetition penalty only. */
  constructor(promptIds: readonly number[]) {
    for (const id of promptIds) this.#indexOf(id);
  }

  #indexOf(id: number): number {
    const known = this.#index.get(id);
    if (known !== undefined) return known;
    const index = this.#index.size;
    if (index === this.#ids.length) {
      this.#ids = doubled(this.#ids);
      this.#counts = doubled(this.#counts);
    }
    this.#ids[index] = id;
    this.#index.set(id, index);
    return index;
  }

  addOutput(id: number): void {
    const index = this.#indexOf(id);
    this.#counts[index]++;
  }

  get size(): number {
    return this.#index.size;
  }

  /** [size], a view valid until the next change. */
  get ids(): Int32Array {
    return this.#ids.subarray(0, this.size);
  }

  /** [size], a view valid until the next change. */
  get outputCounts(): Int32Array {
    return this.#counts.subarray(0, this.size);
  }
}

function doubled(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(2 * array.length);
  larger.set(array);
  return larger;
}
