import { expect, test } from "vitest";
import { PagePool } from "./page-pool.ts";
import { SequenceCache } from "./sequence-cache.ts";

const kinds = [{}, { window: 5 }];

function checked(pool: PagePool, ...caches: readonly SequenceCache[]): true {
  const owners = [new Set<number>(), new Set<number>()];
  for (const cache of caches) cache.checkIntegrity(owners);
  expect(owners[0].size + owners[1].size).toBe(pool.used);
  return pool.checkIntegrity();
}

test("growing takes pages of every kind, or none when one kind runs out", () => {
  const pool = new PagePool([10, 2]);
  const cache = new SequenceCache(pool, kinds, 4);
  expect(cache.grow(5)).toBe(true);
  expect([cache.positions, cache.tableLength, cache.held(0), cache.held(1)]).toEqual([5, 2, 2, 2]);
  expect(cache.grow(8)).toBe(true);
  expect(cache.grow(9)).toBe(false);
  expect([cache.positions, pool.free(0), pool.free(1)]).toEqual([8, 8, 0]);
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

test("integrity names a page with two owners", () => {
  const pool = new PagePool([10, 10]);
  const cache = new SequenceCache(pool, kinds, 4);
  cache.grow(1);
  const owners = [new Set([cache.table(0)[0]]), new Set<number>()];
  expect(() => cache.checkIntegrity(owners)).toThrow("page 0 of kind 0 has two owners");
  pool.giveBack(0, 0);
  expect(() => cache.checkIntegrity([new Set(), new Set()])).toThrow("page 0 of kind 0 is used but free");
});
