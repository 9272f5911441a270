import type { PageKind } from "../device/program.ts";
import type { PagePool } from "./page-pool.ts";

/**
 * The pages of one sequence, of every page kind. All kinds have a table of the same length, one entry for each run of
 * pageSize positions; entries wholly before a kind's window have been given back and read -1.
 */
export class SequenceCache {
  readonly #pool: PagePool;
  readonly #kinds: readonly PageKind[];
  readonly #pageSize: number;
  readonly #tables: Int32Array[];
  /** By kind: the first entry that still holds a page. */
  readonly #firstHeld: number[];
  #tableLength = 0;
  #positions = 0;

  /** Borrows the pool; `release` must be called before the cache is dropped. */
  constructor(pool: PagePool, kinds: readonly PageKind[], pageSize: number) {
    this.#pool = pool;
    this.#kinds = kinds;
    this.#pageSize = pageSize;
    this.#tables = kinds.map(() => new Int32Array(8));
    this.#firstHeld = kinds.map(() => 0);
  }

  /** Positions that the pages are meant for: 0 … positions - 1. */
  get positions(): number {
    return this.#positions;
  }

  /** Entries of every kind's table. */
  get tableLength(): number {
    return this.#tableLength;
  }

  /** Pages of one kind that the sequence owns. */
  held(kind: number): number {
    return this.#tableLength - this.#firstHeld[kind];
  }

  /** The row of a step's page table: a view of [tableLength], valid until the next change. */
  table(kind: number): Int32Array {
    return this.#tables[kind].subarray(0, this.#tableLength);
  }

  /** Positions that the sequence could have with the pages that it holds and those that are free. */
  get reachable(): number {
    let pages = Infinity;
    for (let kind = 0; kind < this.#kinds.length; kind++) pages = Math.min(pages, this.#pool.free(kind));
    return (this.#tableLength + pages) * this.#pageSize;
  }

  /** Takes what is missing for `positions` positions. All or nothing: false, and no page taken, when one kind runs out. */
  grow(positions: number): boolean {
    const length = Math.ceil(positions / this.#pageSize);
    const missing = length - this.#tableLength;
    if (missing > 0) {
      for (let kind = 0; kind < this.#kinds.length; kind++) if (this.#pool.free(kind) < missing) return false;
      for (let kind = 0; kind < this.#kinds.length; kind++) this.#extend(kind, length);
      this.#tableLength = length;
    }
    this.#positions = Math.max(this.#positions, positions);
    return true;
  }

  #extend(kind: number, length: number): void {
    if (this.#tables[kind].length < length) {
      const larger = new Int32Array(Math.max(length, 2 * this.#tables[kind].length));
      larger.set(this.#tables[kind]);
      this.#tables[kind] = larger;
    }
    const table = this.#tables[kind];
    for (let i = this.#tableLength; i < length; i++) table[i] = this.#pool.take(kind);
  }

  /** Gives back the pages that no token from position `positions` on can see. Call before growing, so that they serve at once. */
  slide(): void {
    for (let kind = 0; kind < this.#kinds.length; kind++) {
      const first = this.#firstVisible(kind, this.#positions);
      for (let i = this.#firstHeld[kind]; i < first; i++) {
        this.#pool.giveBack(kind, this.#tables[kind][i]);
        this.#tables[kind][i] = -1;
      }
      this.#firstHeld[kind] = Math.max(this.#firstHeld[kind], first);
    }
  }

  /** The table entry of the first position that the token at `position` sees. */
  #firstVisible(kind: number, position: number): number {
    const { window } = this.#kinds[kind];
    return window === undefined ? 0 : Math.floor(Math.max(0, position - window + 1) / this.#pageSize);
  }

  /**
   * Goes back to fewer positions, and gives back the pages behind them. False, with nothing changed, where the window at that
   * position reaches into pages that are gone: the caller must then release and compute the sequence again.
   */
  rollBack(positions: number): boolean {
    if (positions >= this.#positions) return true;
    if (positions > 0)
      for (let kind = 0; kind < this.#kinds.length; kind++)
        if (this.#firstVisible(kind, positions) < this.#firstHeld[kind]) return false;
    const length = Math.ceil(positions / this.#pageSize);
    for (let kind = 0; kind < this.#kinds.length; kind++) {
      for (let i = Math.max(length, this.#firstHeld[kind]); i < this.#tableLength; i++)
        this.#pool.giveBack(kind, this.#tables[kind][i]);
      this.#firstHeld[kind] = Math.min(this.#firstHeld[kind], length);
    }
    this.#tableLength = length;
    this.#positions = positions;
    return true;
  }

  /** Gives back everything; the cache is empty and may grow again. */
  release(): void {
    this.rollBack(0);
  }

  /** True, or throws what is wrong. Adds its pages to `owners`, by kind, and finds those that another sequence added before. */
  checkIntegrity(owners: readonly Set<number>[]): true {
    if (this.#tableLength !== Math.ceil(this.#positions / this.#pageSize))
      throw new Error(`${this.#tableLength} table entries do not fit ${this.#positions} positions`);
    for (let kind = 0; kind < this.#kinds.length; kind++) {
      for (const [i, page] of this.table(kind).entries()) {
        if (page === -1 ? i >= this.#firstHeld[kind] : i < this.#firstHeld[kind])
          throw new Error(
            `entry ${i} of kind ${kind} holds ${page}, the first page held is at ${this.#firstHeld[kind]}`,
          );
        if (page === -1) continue;
        if (!this.#pool.isOwned(kind, page)) throw new Error(`page ${page} of kind ${kind} is used but free`);
        if (owners[kind].has(page)) throw new Error(`page ${page} of kind ${kind} has two owners`);
        owners[kind].add(page);
      }
    }
    return true;
  }
}
