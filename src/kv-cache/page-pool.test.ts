import { expect, test } from "vitest";
import { PagePool } from "./page-pool.ts";

test("each kind has its own pages, counted together", () => {
  const pool = new PagePool([2, 3]);
  expect([pool.take(0), pool.take(0), pool.take(1)]).toEqual([0, 1, 0]);
  expect([pool.available(0), pool.available(1), pool.used, pool.cached, pool.total]).toEqual([0, 2, 3, 0, 5]);
  expect([pool.references(0, 1), pool.references(1, 1)]).toEqual([1, 0]);
  expect(pool.checkIntegrity()).toBe(true);
  pool.giveBack(0, 0);
  expect(pool.take(0)).toBe(0);
});

test("a page that is shared is free when the last one has given it back", () => {
  const pool = new PagePool([1]);
  const page = pool.take(0);
  pool.share(0, page);
  pool.giveBack(0, page);
  expect([pool.used, pool.available(0)]).toEqual([1, 0]);
  pool.giveBack(0, page);
  expect([pool.used, pool.cached, pool.available(0)]).toEqual([0, 0, 1]);
  expect(pool.checkIntegrity()).toBe(true);
});

test("kept pages can be had again until there are no free ones; the one given back first goes first", () => {
  const evicted: number[] = [];
  const pool = new PagePool([4], (_, page) => evicted.push(page));
  const pages = [pool.take(0), pool.take(0), pool.take(0)];
  for (const page of pages) pool.keep(0, page);
  for (const page of [pages[1], pages[0], pages[2]]) pool.giveBack(0, page);
  expect([pool.used, pool.cached, pool.available(0)]).toEqual([0, 3, 4]);
  pool.share(0, pages[1]); // has gone to the end of the line when it is given back
  pool.giveBack(0, pages[1]);
  expect(pool.checkIntegrity()).toBe(true);
  expect(pool.take(0)).toBe(3);
  expect(evicted).toEqual([]);
  expect([pool.take(0), pool.take(0)]).toEqual([pages[0], pages[2]]);
  expect([evicted, pool.cached]).toEqual([[pages[0], pages[2]], 1]);
  expect(pool.checkIntegrity()).toBe(true);
});

test("misuse is a bug, and says so", () => {
  const pool = new PagePool([1]);
  const page = pool.take(0);
  expect(() => pool.take(0)).toThrow("no page of kind 0");
  pool.giveBack(0, page);
  expect(() => pool.giveBack(0, page)).toThrow("page 0 of kind 0 was given back without being held");
  expect(() => pool.giveBack(0, -1)).toThrow("page -1");
  expect(() => pool.share(0, page)).toThrow("page 0 of kind 0 was shared while it was free");
  expect(() => pool.keep(0, page)).toThrow("page 0 of kind 0 was kept without being held");
  expect(pool.checkIntegrity()).toBe(true);
});
