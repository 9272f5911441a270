import type { PageKind } from "../device/program.ts";
import { firstVisiblePage } from "./page-demand.ts";
import type { PagePool } from "./page-pool.ts";
import type { PrefixNode, PrefixTree } from "./prefix-tree.ts";

/**
 * The pages of one sequence, of every page kind. All kinds have a table of the same length, one entry for each run of
 * pageSize positions; entries wholly before a kind's window have been given back and read -1.
 *
 * With a prefix tree, whole pages are shared with other sequences of the same content: found there by `reuse`, put there by
 * `commit`. Nobody writes to them any more.
 */
export class SequenceCache {
  readonly #pool: PagePool;
  readonly #kinds: readonly PageKind[];
  readonly #pageSize: number;
  readonly #prefixes: PrefixTree | undefined;
  readonly #tables: Int32Array[];
  /** By kind: the first entry that still holds a page. */
  readonly #firstHeld: number[];
  #tableLength = 0;
  #positions = 0;
  /** The tree's node behind which the next block belongs, pinned; undefined before `reuse`. */
  #tail: PrefixNode | undefined;
  /** Entries of the tables whose pages are shared, from the first on. */
  #sharedLength = 0;

  /** Borrows the pool and the tree; `release` must be called before the cache is dropped. */
  constructor(pool: PagePool, kinds: readonly PageKind[], pageSize: number, prefixes?: PrefixTree) {
    this.#pool = pool;
    this.#kinds = kinds;
    this.#pageSize = pageSize;
    this.#prefixes = prefixes;
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

  /** Pages of one kind that the sequence holds, alone or with others. */
  held(kind: number): number {
    return this.#tableLength - this.#firstHeld[kind];
  }

  /** The row of a step's page table: a view of [tableLength], valid until the next change. */
  table(kind: number): Int32Array {
    return this.#tables[kind].subarray(0, this.#tableLength);
  }

  /** Positions that the sequence could have with the pages that it holds and those that it can take. */
  get reachable(): number {
    let pages = Infinity;
    for (let kind = 0; kind < this.#kinds.length; kind++) pages = Math.min(pages, this.#pool.available(kind));
    return (this.#tableLength + pages) * this.#pageSize;
  }

  /**
   * Fills an empty cache with the pages of the longest known beginning of `tokens`, at most `limit` of them. Returns how many
   * positions it holds then; 0 without a tree. Only content of the same `salt` is found, and what `commit` adds has it too.
   */
  reuse(salt: string, tokens: readonly number[], limit: number): number {
    if (this.#prefixes === undefined) return 0;
    if (this.#positions > 0 || this.#tail !== undefined) throw new Error("only an empty cache can take over a prefix");
    const path = this.#prefixes.find(salt, tokens, limit);
    const positions = path.length * this.#pageSize;
    for (let kind = 0; kind < this.#kinds.length; kind++) {
      this.#reserve(kind, path.length);
      const first = firstVisiblePage(this.#kinds[kind], this.#pageSize, positions);
      this.#tables[kind].fill(-1, 0, first);
      for (let i = first; i < path.length; i++) {
        const page = path[i].pages[kind];
        this.#pool.share(kind, page);
        this.#tables[kind][i] = page;
      }
      this.#firstHeld[kind] = first;
    }
    const last = path.at(-1);
    this.#tail = last === undefined ? this.#prefixes.pinRoot(salt) : this.#prefixes.pin(last);
    this.#tableLength = this.#sharedLength = path.length;
    this.#positions = positions;
    return positions;
  }

  /**
   * The first `computed` positions hold the keys and values of `tokens` now: pages that are full are shared from here on. Where
   * another sequence has computed the same meanwhile, its pages take the place of these. Call it between steps; without effect
   * without a tree.
   */
  commit(tokens: readonly number[], computed: number): void {
    while (this.#tail !== undefined && (this.#sharedLength + 1) * this.#pageSize <= computed) {
      const entry = this.#sharedLength++;
      const prefixes = this.#prefixes!;
      const node = prefixes.child(this.#tail, tokens, entry * this.#pageSize);
      for (let kind = 0; kind < this.#kinds.length; kind++) {
        const own = this.#tables[kind][entry];
        const known = node.pages[kind];
        if (known < 0) prefixes.keep(node, kind, own);
        else {
          this.#pool.share(kind, known);
          this.#pool.giveBack(kind, own);
          this.#tables[kind][entry] = known;
        }
      }
      prefixes.pin(node);
      prefixes.unpin(this.#tail);
      this.#tail = node;
    }
  }

  /** Takes what is missing for `positions` positions. All or nothing: false, and no page taken, when one kind runs out. */
  grow(positions: number): boolean {
    const length = Math.ceil(positions / this.#pageSize);
    const missing = length - this.#tableLength;
    if (missing > 0) {
      for (let kind = 0; kind < this.#kinds.length; kind++) if (this.#pool.available(kind) < missing) return false;
      for (let kind = 0; kind < this.#kinds.length; kind++) {
        this.#reserve(kind, length);
        for (let i = this.#tableLength; i < length; i++) this.#tables[kind][i] = this.#pool.take(kind);
      }
      this.#tableLength = length;
    }
    this.#positions = Math.max(this.#positions, positions);
    return true;
  }

  #reserve(kind: number, length: number): void {
    if (this.#tables[kind].length >= length) return;
    const larger = new Int32Array(Math.max(length, 2 * this.#tables[kind].length));
    larger.set(this.#tables[kind]);
    this.#tables[kind] = larger;
  }

  /**
   * Gives back the pages that no token from `position` on can see, by default the one behind those that the pages are meant for. Call
   * before growing, so that they serve at once.
   */
  slide(position = this.#positions): void {
    for (let kind = 0; kind < this.#kinds.length; kind++) {
      const first = firstVisiblePage(this.#kinds[kind], this.#pageSize, position);
      for (let i = this.#firstHeld[kind]; i < first; i++) {
        this.#pool.giveBack(kind, this.#tables[kind][i]);
        this.#tables[kind][i] = -1;
      }
      this.#firstHeld[kind] = Math.max(this.#firstHeld[kind], first);
    }
  }

  /**
   * Goes back to fewer positions, and gives back the pages behind them. False, with nothing changed, where the next token would
   * see pages that are gone (a window's), or be written to a page that is shared: the caller must then release and compute the
   * sequence again.
   */
  rollBack(positions: number): boolean {
    if (positions >= this.#positions) return true;
    if (positions > 0) {
      if (positions < this.#sharedLength * this.#pageSize) return false;
      for (let kind = 0; kind < this.#kinds.length; kind++)
        if (firstVisiblePage(this.#kinds[kind], this.#pageSize, positions) < this.#firstHeld[kind]) return false;
    }
    const length = Math.ceil(positions / this.#pageSize);
    for (let kind = 0; kind < this.#kinds.length; kind++) {
      // The last first: of cached pages, those that continue others go before them.
      for (let i = this.#tableLength - 1; i >= Math.max(length, this.#firstHeld[kind]); i--)
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
    this.#sharedLength = 0;
    if (this.#tail !== undefined) this.#prefixes?.unpin(this.#tail);
    this.#tail = undefined;
  }

  /** True, or throws what is wrong. Adds to `holders` how many hold each page, by kind and page. */
  checkIntegrity(holders: readonly Map<number, number>[]): true {
    if (this.#tableLength !== Math.ceil(this.#positions / this.#pageSize))
      throw new Error(`${this.#tableLength} table entries do not fit ${this.#positions} positions`);
    for (let kind = 0; kind < this.#kinds.length; kind++) {
      for (const [i, page] of this.table(kind).entries()) {
        if (page === -1 ? i >= this.#firstHeld[kind] : i < this.#firstHeld[kind])
          throw new Error(
            `entry ${i} of kind ${kind} holds ${page}, the first page held is at ${this.#firstHeld[kind]}`,
          );
        if (page === -1) continue;
        const count = (holders[kind].get(page) ?? 0) + 1;
        if (this.#pool.references(kind, page) === 0) throw new Error(`page ${page} of kind ${kind} is used but free`);
        if (this.#pool.isKept(kind, page) !== i < this.#sharedLength || (i >= this.#sharedLength && count > 1))
          throw new Error(`page ${page} of kind ${kind} is shared without being whole, or whole and not shared`);
        holders[kind].set(page, count);
      }
    }
    return true;
  }
}

/** Throws unless exactly the references of the pool are those that `holders` counted (SequenceCache.checkIntegrity). */
export function checkReferences(pool: PagePool, holders: readonly ReadonlyMap<number, number>[]): true {
  let used = 0;
  for (const [kind, counts] of holders.entries())
    for (const [page, count] of counts) {
      used++;
      if (pool.references(kind, page) !== count)
        throw new Error(`page ${page} of kind ${kind} has ${pool.references(kind, page)} references, ${count} hold it`);
    }
  if (used !== pool.used) throw new Error(`${pool.used} pages are taken, sequences hold ${used}`);
  return true;
}
