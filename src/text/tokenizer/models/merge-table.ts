import type { Merges } from "./merges.ts";

/** Finds the rank of a merge by the two ids that it joins: a hash table of 16 bytes a merge. */
export class MergeTable {
  readonly #merges: Merges;
  /** Rank + 1, 0 for a free place; its length is a power of two. */
  readonly #slots: Int32Array;

  /** Of merges that join the same ids the last one counts, as in the reference. */
  constructor(merges: Merges) {
    this.#merges = merges;
    let slotCount = 4;
    while (slotCount < 2 * merges.left.length) slotCount *= 2;
    this.#slots = new Int32Array(slotCount);
    for (let rank = 0; rank < merges.left.length; rank++) {
      this.#slots[this.#place(merges.left[rank], merges.right[rank])] = rank + 1;
    }
  }

  /** -1: these two are never joined. */
  rank(left: number, right: number): number {
    return this.#slots[this.#place(left, right)] - 1;
  }

  #place(left: number, right: number): number {
    const mask = this.#slots.length - 1;
    let hashed = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    hashed ^= hashed >>> 15;
    for (let place = hashed & mask; ; place = (place + 1) & mask) {
      const rank = this.#slots[place] - 1;
      if (rank < 0 || (this.#merges.left[rank] === left && this.#merges.right[rank] === right)) return place;
    }
  }
}
