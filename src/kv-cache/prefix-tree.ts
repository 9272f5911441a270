import type { PageKind } from "../device/program.ts";
import { firstVisiblePage } from "./page-demand.ts";
import type { PagePool } from "./page-pool.ts";

/**
 * Pages by their content: the tokens of a page and all tokens before it, which is what keys and values depend on. Every node is
 * one whole page's worth of tokens (a block) behind those of its parent, with the page of each kind that holds its keys and values.
 *
 * Children are looked up by their tokens themselves, not by a hash of ours: two contents are never taken for one, and nobody can
 * choose tokens that collide. Only whole pages are shared, because they are never written again: no page needs to be copied,
 * which a step has no means for, and what a partial page would save is less than a page of tokens.
 *
 * A page stays here until the pool needs it for something else. Who holds the pages of a path gives back the last one first, so that
 * leaves are evicted before what they continue, and no page is kept that no sequence could begin with.
 */
export class PrefixTree {
  readonly #kinds: readonly PageKind[];
  readonly #pageSize: number;
  readonly #pool: PagePool;
  /** By salt. */
  readonly #roots = new Map<string, PrefixNode>();
  /** By kind and page: whose it is. */
  readonly #owners: readonly (PrefixNode | undefined)[][];
  readonly #units: Uint16Array;

  /** Borrows the pool, which must call `forget` for what it evicts. */
  constructor(pool: PagePool, kinds: readonly PageKind[], pageSize: number) {
    this.#pool = pool;
    this.#kinds = kinds;
    this.#pageSize = pageSize;
    this.#owners = kinds.map(() => []);
    this.#units = new Uint16Array(2 * pageSize);
  }

  /**
   * The longest path of known blocks that `tokens` begin with, none of them reaching beyond `limit`, from whose end a sequence can
   * go on: all pages that its next token sees are there. `salt` separates what must not be shared: whose tokens are equal under
   * another salt finds nothing. The pages are not held yet: share them before any is taken from the pool.
   */
  find(salt: string, tokens: readonly number[], limit: number): readonly PrefixNode[] {
    const path: PrefixNode[] = [];
    let node = this.#roots.get(salt);
    // For a kind with a window: how many nodes at the end of the path have its page, without a gap.
    const runs = this.#kinds.map(() => 0);
    let usable = 0;
    for (let end = this.#pageSize; end <= limit; end += this.#pageSize) {
      node = node?.children.get(this.#key(tokens, end - this.#pageSize));
      if (node === undefined) break;
      path.push(node);
      for (let kind = 0; kind < runs.length; kind++) runs[kind] = node.pages[kind] < 0 ? 0 : runs[kind] + 1;
      if (runs.every((run, kind) => run >= path.length - firstVisiblePage(this.#kinds[kind], this.#pageSize, end)))
        usable = path.length;
    }
    return path.slice(0, usable);
  }

  /** Where sequences of this salt begin, pinned: `unpin` it when nothing is to be added to it any more. */
  pinRoot(salt: string): PrefixNode {
    let root = this.#roots.get(salt);
    if (root === undefined) {
      root = { parent: undefined, key: salt, pages: this.#kinds.map(() => -1), children: new Map(), pins: 0 };
      this.#roots.set(salt, root);
    }
    root.pins++;
    return root;
  }

  /** Keeps a node without pages and children. */
  pin(node: PrefixNode): PrefixNode {
    node.pins++;
    return node;
  }

  unpin(node: PrefixNode): void {
    node.pins--;
    this.#prune(node);
  }

  /** The node of the block at tokens[start …] below its parent, which is pinned or has pages that somebody holds; it may be new. */
  child(parent: PrefixNode, tokens: readonly number[], start: number): PrefixNode {
    const key = this.#key(tokens, start);
    let node = parent.children.get(key);
    if (node === undefined) {
      node = { parent, key, pages: this.#kinds.map(() => -1), children: new Map(), pins: 0 };
      parent.children.set(key, node);
    }
    return node;
  }

  /** Gives a node that has no page of this kind one that is held and filled. */
  keep(node: PrefixNode, kind: number, page: number): void {
    if (node.pages[kind] >= 0) throw new Error(`a block has page ${node.pages[kind]} of kind ${kind} already`);
    node.pages[kind] = page;
    this.#owners[kind][page] = node;
    this.#pool.keep(kind, page);
  }

  /** The pool needs the page for something else. */
  forget(kind: number, page: number): void {
    const node = this.#owners[kind][page];
    if (node === undefined) throw new Error(`page ${page} of kind ${kind} was evicted, and no block has it`);
    node.pages[kind] = -1;
    this.#owners[kind][page] = undefined;
    this.#prune(node);
  }

  /** Removes the node if it serves nothing any more, then its parent, and so on. */
  #prune(from: PrefixNode): void {
    let node: PrefixNode | undefined = from;
    while (node?.pins === 0 && node.children.size === 0 && node.pages.every((page) => page < 0)) {
      (node.parent?.children ?? this.#roots).delete(node.key);
      node = node.parent;
    }
  }

  /** A block's tokens as a string of their 32 bits. */
  #key(tokens: readonly number[], start: number): string {
    for (let i = 0; i < this.#pageSize; i++) {
      this.#units[2 * i] = tokens[start + i];
      this.#units[2 * i + 1] = tokens[start + i] >>> 16;
    }
    return String.fromCharCode(...this.#units);
  }

  /** True, or throws what is wrong: every page that the pool keeps is one node's, and the other way round; nothing is here for nothing. */
  checkIntegrity(): true {
    const kept = this.#kinds.map(() => new Set<number>());
    const check = (node: PrefixNode, siblings: ReadonlyMap<string, PrefixNode>): void => {
      if (siblings.get(node.key) !== node) throw new Error("a block does not hang where its tokens say");
      if (node.pins === 0 && node.children.size === 0 && node.pages.every((page) => page < 0))
        throw new Error("a block is kept that nobody needs");
      for (const [kind, page] of node.pages.entries()) {
        if (page < 0) continue;
        if (kept[kind].has(page)) throw new Error(`page ${page} of kind ${kind} belongs to two blocks`);
        if (this.#owners[kind][page] !== node || !this.#pool.isKept(kind, page))
          throw new Error(`page ${page} of kind ${kind} is a block's, and the pool or the tree do not know`);
        kept[kind].add(page);
      }
      for (const child of node.children.values()) {
        if (child.parent !== node) throw new Error("a block hangs below another one than its parent");
        check(child, node.children);
      }
    };
    for (const root of this.#roots.values()) check(root, this.#roots);
    for (const [kind, owners] of this.#owners.entries())
      for (const [page, owner] of owners.entries())
        if ((owner !== undefined) !== kept[kind].has(page))
          throw new Error(`page ${page} of kind ${kind} is kept, and no block in the tree has it`);
    const cached = kept.flatMap((pages, kind) => [...pages].filter((page) => this.#pool.references(kind, page) === 0));
    if (cached.length !== this.#pool.cached)
      throw new Error(`${this.#pool.cached} pages are cached, the blocks have ${cached.length} that nobody holds`);
    return true;
  }
}

/** A block of tokens behind its parent's. */
export interface PrefixNode {
  /** Undefined: a root, which stands for no tokens. */
  readonly parent: PrefixNode | undefined;
  /** The block's tokens; a root's salt. */
  readonly key: string;
  /** By kind: the page; -1: it is not here (any more). */
  readonly pages: number[];
  readonly children: Map<string, PrefixNode>;
  /** Who wants to add children. */
  pins: number;
}
