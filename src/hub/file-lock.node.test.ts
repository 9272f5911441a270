import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { AbortedError } from "../util/errors.ts";
import { FileLock, LockLostError } from "./file-lock.node.ts";

const folder = mkdtempSync(join(tmpdir(), "fewbit-lock-"));
afterAll(() => rmSync(folder, { recursive: true }));

let path: string;
let count = 0;
beforeEach(() => {
  path = join(folder, "locks", `${count++}.lock`);
});

test("one at a time, and nothing is left", async () => {
  let inside = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    await using lock = await FileLock.acquire(path);
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await lock.check();
    inside--;
  };
  await Promise.all([work(), work(), work(), work()]);
  expect(most).toBe(1);
  expect(readdirSync(join(folder, "locks"))).toEqual([]);
});

test("whoever waits is told once, and can give up", async () => {
  await using _ = await FileLock.acquire(path);
  const controller = new AbortController();
  let waits = 0;
  const waiting = FileLock.acquire(path, { signal: controller.signal, onWait: () => waits++ });
  setTimeout(() => controller.abort(), 500);
  await expect(waiting).rejects.toThrow(AbortedError);
  expect(waits).toBe(1);
  expect(existsSync(path)).toBe(true);
});

test("the lock of a process of this machine that is gone counts for nothing", async () => {
  await (await FileLock.acquire(path))[Symbol.asyncDispose]();
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  writeFileSync(path, JSON.stringify({ pid, host: hostname() }));
  await using lock = await FileLock.acquire(path, { staleMs: 3_600_000 });
  await lock.check();
});

test.each([
  ["another machine's", JSON.stringify({ pid: 1, host: "elsewhere" })],
  ["a half-written one", ""],
])("%s is watched, and taken when it does not change", async (_, text) => {
  await (await FileLock.acquire(path))[Symbol.asyncDispose]();
  writeFileSync(path, text);
  const owner = setInterval(() => utimesSync(path, new Date(), new Date()), 50);
  const acquiring = FileLock.acquire(path, { staleMs: 900 });
  const early = await Promise.race([acquiring, new Promise((resolve) => setTimeout(() => resolve("waits"), 2000))]);
  clearInterval(owner);
  expect(early).toBe("waits");
  await using lock = await acquiring;
  await lock.check();
});

test("an owner that slept too long finds out", async () => {
  const sleeper = await FileLock.acquire(path, { staleMs: 1 });
  await new Promise((resolve) => setTimeout(resolve, 5));
  rmSync(path);
  await using owner = await FileLock.acquire(path);
  await expect(sleeper.check()).rejects.toThrow(LockLostError);
  await sleeper[Symbol.asyncDispose]();
  await owner.check();
  expect(existsSync(path)).toBe(true); // it was not the sleeper's any more
});
