import { CollisionLimit } from "../collision-limit.ts";
import type { Merges } from "./merges.ts";

/** Finds the rank of a merge by the two ids that it joins: a hash table of 16 bytes a merge. */
export class MergeTable {
  readonly #merges: Merges;
  /** Rank + 1, 0 for a free place; its length is a power of two. */
  readonly #slots: Int32Array;

  /** Of merges that join the same ids the last one counts, as in the reference. Throws FormatError for ids chosen to have one hash. */
  constructor(merges: Merges) {
    this.#merges = merges;
    let slotCount = 4;
    while (slotCount < 2 * merges.left.length) slotCount *= 2;
    this.#slots = new Int32Array(slotCount);
    const collisions = new CollisionLimit(slotCount, "merges");
    for (let rank = 0; rank < merges.left.length; rank++) {
      const place = this.#place(merges.left[rank], merges.right[rank]);
      collisions.spend((place - hash(merges.left[rank], merges.right[rank])) & (slotCount - 1));
      this.#slots[place] = rank + 1;
    }
  }

  /** -1: these two are never joined. */
  rank(left: number, right: number): number {
    return this.#slots[this.#place(left, right)] - 1;
  }

  #place(left: number, right: number): number {
    const mask = this.#slots.length - 1;
    for (let place = hash(left, right) & mask; ; place = (place + 1) & mask) {
      const rank = this.#slots[place] - 1;
      if (rank < 0 || (this.#merges.left[rank] === left && this.#merges.right[rank] === right)) return place;
    }
  }
}

function hash(left: number, right: number): number {
  const hashed = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
  return hashed ^ (hashed >>> 15);
}
