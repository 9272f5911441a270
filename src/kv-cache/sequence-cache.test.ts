import { describe, expect, test } from "vitest";
import { PagePool } from "./page-pool.ts";
import { PrefixTree } from "./prefix-tree.ts";
import { checkReferences, SequenceCache } from "./sequence-cache.ts";

const kinds = [{}, { window: 5 }];

function checked(pool: PagePool, ...caches: readonly SequenceCache[]): true {
  const holders = kinds.map(() => new Map<number, number>());
  for (const cache of caches) cache.checkIntegrity(holders);
  return checkReferences(pool, holders) && pool.checkIntegrity();
}

test("growing takes pages of every kind, or none when one kind runs out", () => {
  const pool = new PagePool([10, 2]);
  const cache = new SequenceCache(pool, kinds, 4);
  expect(cache.grow(5)).toBe(true);
  expect([cache.positions, cache.tableLength, cache.held(0), cache.held(1)]).toEqual([5, 2, 2, 2]);
  expect(cache.grow(8)).toBe(true);
  expect(cache.grow(9)).toBe(false);
  expect([cache.positions, pool.available(0), pool.available(1)]).toEqual([8, 8, 0]);
  expect(cache.reachable).toBe(8);
  expect(checked(pool, cache)).toBe(true);
});

test("tables outgrow their first allocation without losing pages", () => {
  const pool = new PagePool([50, 50]);
  const cache = new SequenceCache(pool, kinds, 1);
  for (let positions = 1; positions <= 40; positions++) cache.grow(positions);
  expect([...cache.table(0)]).toEqual(Array.from({ length: 40 }, (_, i) => i));
  expect(checked(pool, cache)).toBe(true);
});

test("sliding gives back what is wholly before the window of the next token, and nothing that it sees", () => {
  const pool = new PagePool([10, 10]);
  const cache = new SequenceCache(pool, kinds, 4);
  cache.grow(7);
  cache.slide(); // the token at 7 sees 3 … 7: page 0 is still needed
  expect(cache.held(1)).toBe(2);
  cache.grow(8);
  cache.slide(); // the token at 8 sees 4 … 8
  expect([cache.held(0), cache.held(1)]).toEqual([2, 1]);
  expect(cache.table(1)[0]).toBe(-1);
  expect(checked(pool, cache)).toBe(true);
});

test("rolling back frees the pages behind, and refuses where the window's are gone", () => {
  const pool = new PagePool([10, 10]);
  const cache = new SequenceCache(pool, kinds, 4);
  cache.grow(12);
  cache.slide(); // the token at 12 sees 8 … 12: entries 0 and 1 are gone
  expect(cache.rollBack(11)).toBe(false); // would see 7
  expect([cache.positions, cache.held(0), cache.held(1)]).toEqual([12, 3, 1]);
  cache.grow(17);
  expect(cache.rollBack(13)).toBe(true);
  expect([cache.positions, cache.tableLength, cache.held(0), cache.held(1)]).toEqual([13, 4, 4, 2]);
  expect(cache.rollBack(20)).toBe(true);
  expect(cache.positions).toBe(13);
  expect(checked(pool, cache)).toBe(true);
});

test("a released cache owns nothing and can grow again", () => {
  const pool = new PagePool([10, 10]);
  const cache = new SequenceCache(pool, kinds, 4);
  const other = new SequenceCache(pool, kinds, 4);
  other.grow(3);
  cache.grow(12);
  cache.slide();
  cache.release();
  expect([cache.positions, cache.tableLength, pool.used]).toEqual([0, 0, 2]);
  expect(cache.grow(9)).toBe(true);
  expect([cache.held(0), cache.held(1)]).toEqual([3, 3]);
  expect(checked(pool, cache, other)).toBe(true);
});

test("integrity names pages that are held wrongly", () => {
  const pool = new PagePool([10, 10]);
  const [cache, other] = [new SequenceCache(pool, kinds, 4), new SequenceCache(pool, kinds, 4)];
  cache.grow(1);
  const holders = [new Map([[cache.table(0)[0], 1]]), new Map<number, number>()];
  expect(() => cache.checkIntegrity(holders)).toThrow("page 0 of kind 0 is shared without being whole");
  other.grow(1);
  expect(() => checked(pool, cache)).toThrow("4 pages are taken, sequences hold 2");
  pool.share(0, 0);
  expect(() => checked(pool, cache, other)).toThrow("page 0 of kind 0 has 2 references, 1 hold it");
  pool.giveBack(0, 0);
  pool.giveBack(0, 0);
  expect(() => checked(pool, cache, other)).toThrow("page 0 of kind 0 is used but free");
});

describe("with a prefix tree", () => {
  const ids = (length: number, from = 0): number[] => Array.from({ length }, (_, i) => from + i);
  const start = (pageCounts: readonly number[], cacheKinds: readonly { readonly window?: number }[] = kinds) => {
    const pool: PagePool = new PagePool(pageCounts, (kind, page) => tree.forget(kind, page));
    const tree = new PrefixTree(pool, cacheKinds, 4);
    return { pool, tree, cache: () => new SequenceCache(pool, cacheKinds, 4, tree) };
  };
  /** Computes tokens in one go, as far as the cache does not have them. */
  const compute = (cache: SequenceCache, tokens: readonly number[], salt = ""): number => {
    const reused = cache.reuse(salt, tokens, tokens.length - 1);
    cache.slide();
    if (!cache.grow(tokens.length)) throw new Error("no pages");
    cache.commit(tokens, tokens.length);
    return reused;
  };

  test("whole pages are shared while they are held, and afterwards; the last token is left to compute", () => {
    const { pool, tree, cache } = start([20, 20]);
    const [first, second, third] = [cache(), cache(), cache()];
    expect(compute(first, ids(11))).toBe(0);
    expect(compute(second, ids(9))).toBe(8);
    expect([...second.table(0).subarray(0, 2)]).toEqual([...first.table(0).subarray(0, 2)]);
    expect(second.table(0)[2]).not.toBe(first.table(0)[2]);
    expect(checked(pool, first, second)).toBe(true);
    first.release();
    second.release();
    expect([pool.used, pool.cached]).toEqual([0, 4]);
    expect(compute(third, ids(8))).toBe(4);
    third.release();
    expect(compute(third, [...ids(8), 99])).toBe(8);
    third.release();
    expect(compute(third, [0, 1, 2, 9, 4, 5, 6, 7, 8])).toBe(0);
    expect(checked(pool, third) && tree.checkIntegrity()).toBe(true);
  });

  test("ids that differ in their high bits only, and other salts, find nothing", () => {
    const { pool, tree, cache } = start([20, 20]);
    const [first, second] = [cache(), cache()];
    compute(first, ids(9));
    expect(compute(second, ids(9, 2 ** 16))).toBe(0);
    second.release();
    expect(compute(second, ids(9), "another")).toBe(0);
    second.release();
    expect(compute(second, ids(9))).toBe(8);
    expect(checked(pool, first, second) && tree.checkIntegrity()).toBe(true);
  });

  test("what two compute at the same time is kept once", () => {
    const { pool, tree, cache } = start([20, 20]);
    const [first, second] = [cache(), cache()];
    for (const each of [first, second]) {
      each.reuse("", ids(9), 8);
      each.grow(9);
    }
    expect(pool.used).toBe(12);
    for (const each of [first, second]) each.commit(ids(9), 9);
    expect(pool.used).toBe(8);
    expect(checked(pool, first, second) && tree.checkIntegrity()).toBe(true);
  });

  test("a window's pages are found at the end of the prefix, and need no others", () => {
    const { pool, tree, cache } = start([20, 20]);
    const [first, second] = [cache(), cache()];
    first.reuse("", ids(13), 12);
    for (const length of [4, 8, 12, 13]) {
      first.slide();
      first.grow(length);
      first.commit(ids(13), length);
    }
    expect(first.held(1)).toBe(2);
    first.release();
    // The token at 12 sees 8 … 12.
    expect(second.reuse("", ids(13), 12)).toBe(12);
    expect([second.held(0), second.held(1), second.table(1)[1]]).toEqual([3, 1, -1]);
    expect(checked(pool, second) && tree.checkIntegrity()).toBe(true);
  });

  test("where a window's page has been evicted, a shorter prefix is taken, or none", () => {
    const { pool, tree, cache } = start([20, 4]);
    const [first, second] = [cache(), cache()];
    const known = (): number => tree.find("", ids(13), 12).length;
    compute(first, ids(13));
    first.release(); // the window's pages of entries 2, 1, 0 are cached, in this order; one is free
    const lengths = [4, 8, 12, 16].map((positions) => (second.grow(positions), known()));
    expect(lengths).toEqual([3, 2, 1, 0]);
    expect([pool.cached, checked(pool, second) && tree.checkIntegrity()]).toEqual([3, true]);
  });

  test("leaves are evicted before what they continue, least recently used branches first", () => {
    const { pool, tree, cache } = start([6], [{}]);
    const [first, second] = [cache(), cache()];
    compute(first, [...ids(8), ...ids(5, 50)]);
    first.release();
    compute(second, [...ids(8), ...ids(5, 70)]);
    second.release(); // cached: the branch of 50, that of 70, then both pages of what they share
    first.grow(12); // takes two free ones, and the branch of 50
    expect(tree.find("", [...ids(8), ...ids(5, 50)], 12)).toHaveLength(2);
    expect(tree.find("", [...ids(8), ...ids(5, 70)], 12)).toHaveLength(3);
    first.grow(20);
    expect(tree.find("", ids(8), 8)).toHaveLength(1);
    first.grow(24);
    expect([pool.cached, tree.find("", ids(8), 8)]).toEqual([0, []]);
    first.release();
    expect(checked(pool) && tree.checkIntegrity()).toBe(true);
  });

  test("with windows only, a sequence goes on behind blocks whose pages are gone", () => {
    const { pool, tree, cache } = start([2], [{ window: 1 }]);
    const long = cache();
    long.reuse("", ids(40), 39);
    for (let length = 1; length <= 40; length++) {
      long.slide();
      expect(long.grow(length)).toBe(true);
      long.commit(ids(40), length);
      expect(tree.checkIntegrity()).toBe(true);
    }
    long.release();
    expect(pool.checkIntegrity() && pool.used).toBe(0);
    // Of a window of one position, nothing before the next token is needed.
    expect(long.reuse("", ids(40), 39)).toBe(36);
    long.release();
    expect(tree.checkIntegrity()).toBe(true);
  });

  test("shared pages are not written to again: going back into one is refused", () => {
    const { pool, cache } = start([20, 20]);
    const one = cache();
    compute(one, ids(10));
    expect(one.rollBack(7)).toBe(false);
    expect([one.positions, one.rollBack(8), one.positions]).toEqual([10, true, 8]);
    expect(() => one.reuse("", ids(10), 9)).toThrow("only an empty cache");
    expect(checked(pool, one)).toBe(true);
  });
});
