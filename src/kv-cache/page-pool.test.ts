import { expect, test } from "vitest";
import { PagePool } from "./page-pool.ts";

test("each kind has its own pages, counted together", () => {
  const pool = new PagePool([2, 3]);
  expect([pool.take(0), pool.take(0), pool.take(1)]).toEqual([0, 1, 0]);
  expect([pool.free(0), pool.free(1), pool.used, pool.total]).toEqual([0, 2, 3, 5]);
  expect(pool.isOwned(0, 1)).toBe(true);
  expect(pool.isOwned(1, 1)).toBe(false);
  expect(pool.checkIntegrity()).toBe(true);
  pool.giveBack(0, 0);
  expect(pool.take(0)).toBe(0);
});

test("taking from an empty pool and giving back twice are bugs, and say so", () => {
  const pool = new PagePool([1]);
  const page = pool.take(0);
  expect(() => pool.take(0)).toThrow("no free page of kind 0");
  pool.giveBack(0, page);
  expect(() => pool.giveBack(0, page)).toThrow("page 0 of kind 0 was given back without being owned");
  expect(() => pool.giveBack(0, -1)).toThrow("page -1");
  expect(pool.checkIntegrity()).toBe(true);
});
