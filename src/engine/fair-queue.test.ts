import { expect, test } from "vitest";
import { request } from "./engine-test-kit.ts";
import { FairQueue } from "./fair-queue.ts";
import { comparePlaces } from "./queue-place.ts";
import { Scheduler } from "./scheduler.ts";
import type { Sequence } from "./sequence.ts";

/** What a queue needs to know of a sequence. */
function waiting(queue: FairQueue, name: string, cacheSalt = "", priority = 0): Sequence & { readonly name: string } {
  const sequence = { name, place: queue.place(request({ cacheSalt, priority })) } as Sequence & { name: string };
  queue.add(sequence);
  return sequence;
}

function namesInOrder(queue: FairQueue): string {
  return queue.waiting.map((sequence) => (sequence as unknown as { readonly name: string }).name).join(" ");
}

test("in order of arrival", () => {
  const queue = new FairQueue();
  for (const name of ["a", "b", "c"]) waiting(queue, name);
  expect(namesInOrder(queue)).toBe("a b c");
});

test("lower priorities first", () => {
  const queue = new FairQueue();
  for (const [name, priority] of [["a", 0], ["b", 5], ["c", -1], ["d", 0]] as const) waiting(queue, name, "", priority); // prettier-ignore
  expect(namesInOrder(queue)).toBe("c a d b");
});

test("tenants take turns, also one that comes later, and catches up nothing", () => {
  const queue = new FairQueue();
  for (const name of ["a1", "a2", "a3", "a4"]) waiting(queue, name, "a");
  waiting(queue, "b1", "b");
  waiting(queue, "b2", "b");
  expect(namesInOrder(queue)).toBe("a1 b1 a2 b2 a3 a4");
  const running: Sequence[] = [];
  for (let i = 0; i < 4; i++) queue.admit(queue.waiting[0], running);
  waiting(queue, "c1", "c");
  waiting(queue, "c2", "c");
  expect(namesInOrder(queue)).toBe("c1 a3 c2 a4");
});

test("who is given back to the line has the place that it had", () => {
  const queue = new FairQueue();
  const [first] = ["a", "b", "c"].map((name) => waiting(queue, name));
  const running: Sequence[] = [];
  queue.admit(first, running);
  expect(running).toEqual([first]);
  queue.add(first);
  expect(namesInOrder(queue)).toBe("a b c");
  queue.remove(first);
  expect(namesInOrder(queue)).toBe("b c");
});

test("tenants that have nothing to catch up on are forgotten, and nothing changes", () => {
  const queue = new FairQueue();
  const running: Sequence[] = [];
  for (let i = 0; i < 5000; i++) {
    waiting(queue, String(i), String(i));
    queue.admit(queue.waiting[0], running);
  }
  for (let i = 1; i < running.length; i++)
    expect(comparePlaces(running[i - 1].place, running[i].place)).toBeLessThan(0);
});

test("a running sequence makes room for one of a better priority, and goes on behind it", () => {
  const limits = { maxTokens: 16, maxSequences: 1, maxOutputs: 1, pageSize: 4, pageCounts: [32] };
  const scheduler = new Scheduler({ limits, pageKinds: [{}], contextLength: 100 });
  const low = scheduler.add(request({ priority: 1 }));
  const step = (): readonly Sequence[] => {
    const chunks = scheduler.nextBatch()?.chunks ?? [];
    expect(scheduler.checkIntegrity()).toBe(true);
    for (const chunk of chunks) {
      scheduler.complete(chunk);
      if (chunk.samples && chunk.sequence.accept(1) !== undefined) scheduler.finish(chunk.sequence);
    }
    return chunks.map(({ sequence }) => sequence);
  };
  expect(step()).toEqual([low]);
  const equal = scheduler.add(request({ priority: 1, maxTokens: 2 }));
  expect(step()).toEqual([low]);
  const high = scheduler.add(request({ priority: 0, maxTokens: 2 }));
  expect([step(), step()]).toEqual([[high], [high]]);
  expect(scheduler.preemptions).toBe(1);
  expect(step()).toEqual([low]);
  expect(scheduler.waiting).toEqual([equal]);
});
