import type { Merges } from "./merges.ts";
import { MergeTable } from "./merge-table.ts";
import { MinHeap } from "./min-heap.ts";

/** Positions of a word are below this; a rank times it and a position are one exact f64. */
const positionLimit = 2 ** 31;
const smallCapacity = 1024;

/**
 * Joins the symbols of a word by the merge of the lowest rank, the leftmost first, until none fits: O(n log n) for n symbols. A list
 * linked both ways, and a heap of the merges that were possible when they were found; those that have become stale are passed over.
 */
export class WordMerger {
  readonly #merges: Merges;
  readonly #table: MergeTable;
  readonly #heap = new MinHeap();
  /** -1: joined to the symbol before it. */
  #symbols = new Int32Array(smallCapacity);
  #next = new Int32Array(smallCapacity);
  #previous = new Int32Array(smallCapacity);

  constructor(merges: Merges) {
    this.#merges = merges;
    this.#table = new MergeTable(merges);
  }

  /** Appends to `ids` what becomes of `symbols`. */
  merge(symbols: readonly number[], ids: number[]): void {
    const count = symbols.length;
    this.#reserve(count);
    for (let i = 0; i < count; i++) {
      this.#symbols[i] = symbols[i];
      this.#next[i] = i + 1;
      this.#previous[i] = i - 1;
    }
    for (let i = 0; i + 1 < count; i++) this.#propose(i, i + 1);
    for (let key = this.#heap.pop(); key >= 0; key = this.#heap.pop()) {
      this.#join(key % positionLimit, Math.floor(key / positionLimit), count);
    }
    for (let i = 0; i < count; i = this.#next[i]) ids.push(this.#symbols[i]);
  }

  #join(left: number, rank: number, count: number): void {
    const right = this.#next[left];
    if (this.#symbols[left] === -1 || right >= count) return;
    if (this.#table.rank(this.#symbols[left], this.#symbols[right]) !== rank) return;
    this.#symbols[left] = this.#merges.result[rank];
    this.#symbols[right] = -1;
    const next = this.#next[right];
    this.#next[left] = next;
    if (next < count) {
      this.#previous[next] = left;
      this.#propose(left, next);
    }
    if (this.#previous[left] >= 0) this.#propose(this.#previous[left], left);
  }

  #propose(left: number, right: number): void {
    const rank = this.#table.rank(this.#symbols[left], this.#symbols[right]);
    if (rank >= 0) this.#heap.push(rank * positionLimit + left);
  }

  /** Memory for a long word is given back by the next short one. */
  #reserve(count: number): void {
    const capacity = this.#symbols.length;
    if (count <= capacity && (count > smallCapacity || capacity === smallCapacity)) return;
    const wanted = Math.max(count, smallCapacity);
    this.#symbols = new Int32Array(wanted);
    this.#next = new Int32Array(wanted);
    this.#previous = new Int32Array(wanted);
  }
}
