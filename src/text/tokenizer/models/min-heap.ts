/** Numbers, of which the smallest comes first. Its memory is kept for the next use, unless it has grown large. */
export class MinHeap {
  #values = new Float64Array(smallCapacity);
  #size = 0;

  push(value: number): void {
    if (this.#size === this.#values.length) {
      const values = new Float64Array(2 * this.#size);
      values.set(this.#values);
      this.#values = values;
    }
    const values = this.#values;
    let place = this.#size++;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (values[parent] <= value) break;
      values[place] = values[parent];
      place = parent;
    }
    values[place] = value;
  }

  /** Takes the smallest out, -1 for none. */
  pop(): number {
    if (this.#size === 0) {
      if (this.#values.length > smallCapacity) this.#values = new Float64Array(smallCapacity);
      return -1;
    }
    const values = this.#values;
    const smallest = values[0];
    const last = values[--this.#size];
    let place = 0;
    for (let child = 1; child < this.#size; child = 2 * place + 1) {
      if (child + 1 < this.#size && values[child + 1] < values[child]) child++;
      if (values[child] >= last) break;
      values[place] = values[child];
      place = child;
    }
    values[place] = last;
    return smallest;
  }
}

const smallCapacity = 1024;
