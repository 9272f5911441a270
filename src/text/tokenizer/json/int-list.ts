/** Integers in a typed array that grows: an ordinary list of 150,000 numbers is slower to make and to copy. */
export class IntList {
  length = 0;
  #values = new Int32Array(1024);

  push(value: number): void {
    if (this.length === this.#values.length) {
      const values = new Int32Array(2 * this.length);
      values.set(this.#values);
      this.#values = values;
    }
    this.#values[this.length++] = value;
  }

  /** 0 for what is out of range. */
  at(index: number): number {
    return this.#values[index] ?? 0;
  }

  toArray(): Int32Array {
    return this.#values.slice(0, this.length);
  }
}
