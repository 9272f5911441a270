import { expect, test, vi } from "vitest";
import { EventQueue } from "./event-queue.ts";

test("events made before, between and after reads arrive in order", async () => {
  const queue = new EventQueue<number>(() => undefined);
  queue.push(1);
  const reads = [queue.next(), queue.next(), queue.next()];
  queue.push(2);
  queue.push(3);
  queue.push(4);
  queue.end();
  expect(await Promise.all(reads)).toEqual([1, 2, 3].map((value) => ({ done: false, value })));
  const rest: number[] = [];
  for await (const event of queue) rest.push(event);
  expect(rest).toEqual([4]);
});

test("a failure is thrown once, after the events before it", async () => {
  const queue = new EventQueue<number>(() => undefined);
  queue.push(1);
  queue.fail(new Error("broken"));
  queue.push(2);
  expect(await queue.next()).toEqual({ done: false, value: 1 });
  await expect(queue.next()).rejects.toThrow("broken");
  expect(await queue.next()).toEqual({ done: true, value: undefined });
});

test("a failure reaches a reader that waits, and ends the others", async () => {
  const queue = new EventQueue<number>(() => undefined);
  const first = queue.next();
  const second = queue.next();
  queue.fail(new Error("broken"));
  await expect(first).rejects.toThrow("broken");
  expect(await second).toEqual({ done: true, value: undefined });
});

test("leaving says so once, and only before the end", async () => {
  const onLeave = vi.fn();
  const left = new EventQueue<number>(onLeave);
  left.push(1);
  left.push(2);
  for await (const _ of left) break;
  await left.return();
  expect(onLeave).toHaveBeenCalledTimes(1);
  expect(await left.next()).toEqual({ done: true, value: undefined });

  const ended = new EventQueue<number>(onLeave);
  ended.end();
  await ended.return();
  expect(onLeave).toHaveBeenCalledTimes(1);
});
