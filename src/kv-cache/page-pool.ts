/**
 * Pages of each page kind, by how many sequences hold them. Plain bookkeeping: only the backend knows what lies in a page.
 *
 * A page is free, held (by as many owners as it has references), or cached: nobody holds it, but its content is kept, since
 * somebody may want it again. Cached pages go, the one that was given back first before all others, when no page is free:
 * to a caller they are as good as free ones.
 */
export class PagePool {
  readonly #kinds: readonly KindPages[];
  readonly #onEvict: (kind: number, page: number) => void;

  /**
   * `pageCounts`: pages of each page kind, as the executable allocated them (StepLimits). `onEvict` is told of every kept page
   * that is about to get other content.
   */
  constructor(pageCounts: readonly number[], onEvict: (kind: number, page: number) => void = () => undefined) {
    this.#kinds = pageCounts.map((count) => new KindPages(count));
    this.#onEvict = onEvict;
  }

  /** Pages of one kind that can be taken: free and cached ones. */
  available(kind: number): number {
    const { freeCount, cached } = this.#kinds[kind];
    return freeCount + cached.length;
  }

  /** Pages of all kinds that somebody holds, each counted once. */
  get used(): number {
    return this.total - this.cached - this.#sum(({ freeCount }) => freeCount);
  }

  /** Pages of all kinds that nobody holds and whose content is kept. */
  get cached(): number {
    return this.#sum(({ cached }) => cached.length);
  }

  /** Pages of all kinds. */
  get total(): number {
    return this.#sum(({ references }) => references.length);
  }

  #sum(count: (pages: KindPages) => number): number {
    return this.#kinds.reduce((sum, pages) => sum + count(pages), 0);
  }

  /** Takes one page, with one reference. The caller has made sure that there is one: an empty pool is a bug here, not a state. */
  take(kind: number): number {
    const pages = this.#kinds[kind];
    if (this.available(kind) === 0) throw new Error(`no page of kind ${kind}: available() must be asked first`);
    const page = pages.freeCount > 0 ? pages.free[--pages.freeCount] : this.#evict(kind);
    pages.references[page] = 1;
    return page;
  }

  #evict(kind: number): number {
    const { cached, isKept } = this.#kinds[kind];
    const page = cached.first;
    cached.remove(page);
    isKept[page] = 0;
    this.#onEvict(kind, page);
    return page;
  }

  /** Adds a reference to a page that is held or cached. */
  share(kind: number, page: number): void {
    const { references, isKept, cached } = this.#kinds[kind];
    if (!(references[page] > 0) && isKept[page] !== 1)
      throw new Error(`page ${page} of kind ${kind} was shared while it was free`);
    if (references[page]++ === 0) cached.remove(page);
  }

  /** Drops a reference. The last one of a page whose content is kept leaves it cached, all others free. */
  giveBack(kind: number, page: number): void {
    const pages = this.#kinds[kind];
    if (!(pages.references[page] > 0))
      throw new Error(`page ${page} of kind ${kind} was given back without being held`);
    if (--pages.references[page] > 0) return;
    if (pages.isKept[page] === 1) pages.cached.add(page);
    else pages.free[pages.freeCount++] = page;
  }

  /** The content of a page that is held is to outlive its owners. */
  keep(kind: number, page: number): void {
    const { references, isKept } = this.#kinds[kind];
    if (!(references[page] > 0)) throw new Error(`page ${page} of kind ${kind} was kept without being held`);
    isKept[page] = 1;
  }

  /** How many hold the page. */
  references(kind: number, page: number): number {
    return this.#kinds[kind].references[page];
  }

  isKept(kind: number, page: number): boolean {
    return this.#kinds[kind].isKept[page] === 1;
  }

  /** True, or throws what is wrong: every page is either held, or once in the free list, or once in that of cached ones. */
  checkIntegrity(): true {
    for (const [kind, { free, freeCount, cached, references, isKept }] of this.#kinds.entries()) {
      const places = Uint8Array.from(references, (count) => (count > 0 ? 1 : 0));
      for (const page of free.subarray(0, freeCount)) {
        if (isKept[page] === 1) throw new Error(`page ${page} of kind ${kind} is free, and its content is kept`);
        places[page]++;
      }
      let cachedCount = 0;
      for (const page of cached) {
        if (isKept[page] !== 1) throw new Error(`page ${page} of kind ${kind} is cached, but its content is not kept`);
        places[page]++;
        cachedCount++;
      }
      if (cachedCount !== cached.length)
        throw new Error(`${cachedCount} pages of kind ${kind} are cached, ${cached.length} are counted`);
      const wrong = places.findIndex((count) => count !== 1);
      if (wrong >= 0)
        throw new Error(
          places[wrong] === 0
            ? `page ${wrong} of kind ${kind} is neither free nor held`
            : `page ${wrong} of kind ${kind} is in several places`,
        );
    }
    return true;
  }
}

class KindPages {
  /** The first freeCount entries are the free pages: a stack, filled from the end, so that page 0 is the first to go. */
  readonly free: Int32Array;
  freeCount: number;
  readonly cached: PageList;
  /** By page: how many hold it. */
  readonly references: Int32Array;
  /** By page: 1 where its content is kept. */
  readonly isKept: Uint8Array;

  constructor(count: number) {
    this.free = Int32Array.from({ length: count }, (_, i) => count - 1 - i);
    this.freeCount = count;
    this.cached = new PageList(count);
    this.references = new Int32Array(count);
    this.isKept = new Uint8Array(count);
  }
}

/** Pages in the order in which they were added; all that it does takes constant time. */
class PageList implements Iterable<number> {
  /** By page; the entry behind the last page is the list's own, before its first and after its last page. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #end: number;
  #length = 0;

  constructor(pageCount: number) {
    this.#end = pageCount;
    this.#next = new Int32Array(pageCount + 1).fill(pageCount);
    this.#previous = new Int32Array(pageCount + 1).fill(pageCount);
  }

  get length(): number {
    return this.#length;
  }

  /** The page that was added before all others that are here; there must be one. */
  get first(): number {
    return this.#next[this.#end];
  }

  /** The page must not be here. */
  add(page: number): void {
    this.#link(this.#previous[this.#end], page);
    this.#link(page, this.#end);
    this.#length++;
  }

  /** The page must be here. */
  remove(page: number): void {
    this.#link(this.#previous[page], this.#next[page]);
    this.#length--;
  }

  #link(page: number, next: number): void {
    this.#next[page] = next;
    this.#previous[next] = page;
  }

  *[Symbol.iterator](): Iterator<number> {
    for (let page = this.first; page !== this.#end; page = this.#next[page]) yield page;
  }
}
