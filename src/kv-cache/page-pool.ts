/**
 * Which pages of each page kind are free. Plain bookkeeping: only the backend knows what lies in a page.
 *
 * A page has one owner at a time. Sharing pages between sequences (prefix reuse) would turn the owned flag into a count of
 * references here, and nowhere else: owners only ever take and give back.
 */
export class PagePool {
  readonly #kinds: readonly KindPages[];

  /** `pageCounts`: pages of each page kind, as the executable allocated them (StepLimits). */
  constructor(pageCounts: readonly number[]) {
    this.#kinds = pageCounts.map((count) => {
      const free = new Int32Array(count);
      // The free list is a stack; filled from the end, so that page 0 is the first to go.
      for (let i = 0; i < count; i++) free[i] = count - 1 - i;
      return { free, freeCount: count, owned: new Uint8Array(count) };
    });
  }

  free(kind: number): number {
    return this.#kinds[kind].freeCount;
  }

  /** Pages of all kinds that have an owner. */
  get used(): number {
    return this.#kinds.reduce((sum, { free, freeCount }) => sum + free.length - freeCount, 0);
  }

  /** Pages of all kinds. */
  get total(): number {
    return this.#kinds.reduce((sum, { free }) => sum + free.length, 0);
  }

  /** Takes one page. The caller has made sure that there is one: an empty pool is a bug here, not a state. */
  take(kind: number): number {
    const pages = this.#kinds[kind];
    if (pages.freeCount === 0) throw new Error(`no free page of kind ${kind}: free() must be asked first`);
    const page = pages.free[--pages.freeCount];
    pages.owned[page] = 1;
    return page;
  }

  giveBack(kind: number, page: number): void {
    const pages = this.#kinds[kind];
    if (pages.owned[page] !== 1) throw new Error(`page ${page} of kind ${kind} was given back without being owned`);
    pages.owned[page] = 0;
    pages.free[pages.freeCount++] = page;
  }

  isOwned(kind: number, page: number): boolean {
    return this.#kinds[kind].owned[page] === 1;
  }

  /** True, or throws what is wrong: every page is either owned or exactly once in its free list. */
  checkIntegrity(): true {
    for (const [kind, { free, freeCount, owned }] of this.#kinds.entries()) {
      const seen = Uint8Array.from(owned);
      for (const page of free.subarray(0, freeCount)) {
        if (seen[page] !== 0) throw new Error(`page ${page} of kind ${kind} is free and owned, or free twice`);
        seen[page] = 1;
      }
      const lost = seen.indexOf(0);
      if (lost >= 0) throw new Error(`page ${lost} of kind ${kind} is neither free nor owned`);
    }
    return true;
  }
}

interface KindPages {
  /** The first freeCount entries are the free pages. */
  readonly free: Int32Array;
  freeCount: number;
  /** By page: 1 where it has an owner. */
  readonly owned: Uint8Array;
}
