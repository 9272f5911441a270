import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { mapConcurrent } from "./map-concurrent.ts";

test("keeps the order of the items and the limit", async () => {
  let running = 0;
  let most = 0;
  const results = await mapConcurrent([5, 1, 4, 2, 3], 2, async (ms, index) => {
    most = Math.max(most, ++running);
    await sleep(ms);
    running--;
    return `${index}:${ms}`;
  });
  expect(results).toEqual(["0:5", "1:1", "2:4", "3:2", "4:3"]);
  expect(most).toBe(2);
});

test("after the first error it starts nothing, and waits for what runs", async () => {
  const started: number[] = [];
  const finished: number[] = [];
  const work = mapConcurrent([0, 1, 2, 3, 4], 2, async (item) => {
    started.push(item);
    await sleep(item === 1 ? 1 : 20);
    if (item === 1) throw new Error("first");
    finished.push(item);
  });
  await expect(work).rejects.toThrow("first");
  expect(started).toEqual([0, 1]);
  expect(finished).toEqual([0]);
});

test("throws what was thrown, undefined too", async () => {
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what foreign code may do
  await expect(mapConcurrent([0], 1, () => Promise.reject(undefined))).rejects.toBeUndefined();
});

test("no items, no calls", async () => {
  expect(await mapConcurrent([], 4, () => Promise.reject(new Error("called")))).toEqual([]);
});
