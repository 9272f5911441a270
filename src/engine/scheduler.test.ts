import { describe, expect, test } from "vitest";
import { greedySampling } from "../device/sampling.ts";
import type { StepLimits } from "../device/step.ts";
import { RequestError } from "../util/errors.ts";
import type { Batch } from "./batch.ts";
import { request } from "./engine-test-kit.ts";
import { Scheduler, type SchedulerOptions } from "./scheduler.ts";

const defaults: StepLimits = { maxTokens: 16, maxSequences: 4, maxOutputs: 8, pageSize: 4, pageCounts: [64] };

/** Without prefix reuse unless told otherwise: requests of the kit begin alike. */
function schedulerOf(limits: Partial<StepLimits> = {}, options: Partial<SchedulerOptions> = {}): Scheduler {
  return new Scheduler({
    limits: { ...defaults, ...limits },
    pageKinds: [{}],
    contextLength: 200,
    prefixReuse: false,
    ...options,
  });
}

/** Plans one step and does as if it had run: every sample is token 1. Returns what each chunk was, as [start, end]. */
function runStep(scheduler: Scheduler): (readonly [number, number])[] {
  const batch = scheduler.nextBatch();
  expect(scheduler.checkIntegrity()).toBe(true);
  if (batch === undefined) return [];
  settle(scheduler, batch);
  expect(scheduler.checkIntegrity()).toBe(true);
  return batch.chunks.map(({ start, end }) => [start, end] as const);
}

function settle(scheduler: Scheduler, { chunks }: Batch): void {
  for (const chunk of chunks) {
    scheduler.complete(chunk);
    if (chunk.samples && chunk.sequence.accept(1) !== undefined) scheduler.finish(chunk.sequence);
  }
}

describe("a step's plan", () => {
  test("a prompt larger than the step budget is split, not dropped", () => {
    const scheduler = schedulerOf();
    const sequence = scheduler.add(request({ promptLength: 40, maxTokens: 2 }));
    expect([runStep(scheduler), runStep(scheduler), runStep(scheduler)]).toEqual([[[0, 16]], [[16, 32]], [[32, 40]]]);
    expect(runStep(scheduler)).toEqual([[40, 41]]);
    expect(sequence.state).toBe("finished");
    expect(runStep(scheduler)).toEqual([]);
    expect(scheduler.pool.used).toBe(0);
  });

  test("who is preparing keeps nobody else from beginning, nor takes their place", () => {
    const scheduler = schedulerOf({ maxSequences: 1 });
    const preparing = scheduler.add(request({ promptLength: 6, priority: -1 }));
    preparing.isPreparing = true;
    expect(runStep(scheduler)).toEqual([]);
    const other = scheduler.add(request({ promptLength: 9 }));
    expect([runStep(scheduler), runStep(scheduler)]).toEqual([[[0, 9]], [[9, 10]]]);
    expect([preparing.state, other.state, scheduler.preemptions]).toEqual(["waiting", "running", 0]);
    preparing.isPreparing = false;
    expect(runStep(scheduler)).toEqual([[0, 6]]);
    expect([preparing.state, other.state, scheduler.preemptions]).toEqual(["running", "waiting", 1]);
  });

  test("decoding comes first; prompts share what is left, in order of arrival", () => {
    const scheduler = schedulerOf();
    scheduler.add(request({ promptLength: 6 }));
    runStep(scheduler);
    scheduler.add(request({ promptLength: 9 }));
    scheduler.add(request({ promptLength: 9 }));
    const batch = scheduler.nextBatch()!;
    expect(batch.chunks.map(({ start, end, samples }) => [start, end, samples])).toEqual([
      [6, 7, true],
      [0, 9, true],
      [0, 6, false],
    ]);
    expect(batch.tokenCount).toBe(16);
    settle(scheduler, batch);
    expect(runStep(scheduler)).toEqual([[7, 8], [9, 10], [6, 9]]); // prettier-ignore
  });

  test("no more sequences run than the executable has slots, and slots are used again", () => {
    const scheduler = schedulerOf({ maxSequences: 2 });
    const sequences = [1, 1, 1].map((maxTokens) => scheduler.add(request({ promptLength: 2, maxTokens })));
    expect(runStep(scheduler)).toHaveLength(2);
    expect(sequences.map(({ state }) => state)).toEqual(["finished", "finished", "waiting"]);
    expect(runStep(scheduler)).toHaveLength(1);
    expect(scheduler.hasWork).toBe(false);
  });
});

describe("admission", () => {
  test("a request that cannot fit alone is refused with the numbers", () => {
    const scheduler = schedulerOf({ pageCounts: [3] });
    expect(scheduler.contextLength).toBe(12);
    expect(() => scheduler.add(request({ promptLength: 13 }))).toThrow(RequestError);
    expect(() => scheduler.add(request({ promptLength: 13, maxTokens: 7 }))).toThrow(
      "the prompt has 13 tokens, and the context of 12 holds prompt and answer together: shorten the prompt",
    );
    expect(() => scheduler.add(request({ promptLength: 12, maxTokens: 1 }))).toThrow(RequestError);
    expect(scheduler.add(request({ promptLength: 11, maxTokens: 7 })).maxTokens).toBe(1);
  });

  test("a sequence waits until its whole prompt fits beside what runs, and nothing overtakes it", () => {
    const scheduler = schedulerOf({ pageCounts: [10] });
    const first = scheduler.add(request({ promptLength: 16, maxTokens: 4 }));
    runStep(scheduler);
    const large = scheduler.add(request({ promptLength: 28, maxTokens: 1 }));
    const small = scheduler.add(request({ promptLength: 1, maxTokens: 1 }));
    while (first.state === "running") expect(runStep(scheduler)).toHaveLength(1);
    expect([large.state, small.state]).toEqual(["waiting", "waiting"]);
    runStep(scheduler);
    expect([large.state, small.state]).toEqual(["running", "waiting"]); // the budget is spent
  });

  test("a running sequence's prompt has its pages promised before anyone else is admitted", () => {
    const scheduler = schedulerOf({ pageCounts: [8] });
    scheduler.add(request({ promptLength: 20, maxTokens: 1 })); // 5 pages, 4 of them in the first step
    runStep(scheduler);
    const next = scheduler.add(request({ promptLength: 12, maxTokens: 1 })); // 3 pages, of 3 left, but one is spare
    expect(runStep(scheduler)).toEqual([[16, 20]]);
    expect(next.state).toBe("waiting");
    expect(runStep(scheduler)).toEqual([[0, 12]]);
  });

  test.each([
    [{ maxTokens: 3 }, "a step of 3 tokens and 8 outputs cannot decode 4 sequences"],
    [{ maxOutputs: 3 }, "a step of 16 tokens and 3 outputs cannot decode 4 sequences"],
    [{ maxSequences: 0 }, "cannot decode 0 sequences"],
    [{ pageCounts: [0] }, "page counts 0 hold no position"],
    [{ pageCounts: [1, 1] }, "2 page counts for 1 page kinds"],
  ])("limits %j are refused", (limits, message) => {
    expect(() => schedulerOf(limits)).toThrow(message);
  });
});

describe("pre-emption", () => {
  test("the youngest gives way to a decoding sequence, goes to the front, and is computed again with what it has said", () => {
    const scheduler = schedulerOf({ pageCounts: [6] });
    const older = scheduler.add(request({ promptLength: 7, maxTokens: 12 }));
    const younger = scheduler.add(request({ promptLength: 7, maxTokens: 10 }));
    const last = scheduler.add(request({ promptLength: 7, maxTokens: 1 }));
    while (scheduler.preemptions === 0 && scheduler.hasWork) runStep(scheduler);
    expect([older.state, younger.state, last.state]).toEqual(["running", "waiting", "waiting"]);
    expect(scheduler.waiting).toEqual([younger, last]);
    expect([younger.computed, younger.slot, younger.cache.positions]).toEqual([0, -1, 0]);
    const said = younger.outputLength;
    expect(said).toBeGreaterThan(0);
    while (younger.state === "waiting") runStep(scheduler);
    expect(younger.outputLength).toBe(said + 1); // one step computed prompt and output, and sampled the next
    while (scheduler.hasWork) runStep(scheduler);
    expect([older.outputLength, younger.outputLength, last.outputLength]).toEqual([12, 10, 1]);
    expect(scheduler.pool.used).toBe(0);
  });

  test("windows give pages back: two long sequences run where full attention would not hold one", () => {
    const windowed = { pageKinds: [{ window: 5 }], contextLength: 1000 };
    const scheduler = schedulerOf({ pageCounts: [6], maxTokens: 4 }, windowed);
    const sequences = [0, 1].map(() => scheduler.add(request({ promptLength: 40, maxTokens: 60 })));
    while (scheduler.hasWork) {
      runStep(scheduler);
      expect(scheduler.pool.used).toBeLessThanOrEqual(6);
    }
    expect(sequences.map(({ outputLength }) => outputLength)).toEqual([60, 60]);
  });
});

describe("finishing early", () => {
  test("frees a running sequence's pages at once, also while its step runs", () => {
    const scheduler = schedulerOf();
    const sequence = scheduler.add(request());
    scheduler.nextBatch();
    expect(scheduler.pool.used).toBe(2);
    scheduler.finish(sequence);
    expect(scheduler.pool.used).toBe(0);
    expect(scheduler.checkIntegrity()).toBe(true);
    expect(scheduler.nextBatch()).toBeUndefined();
  });

  test("takes a waiting sequence out of the line", () => {
    const scheduler = schedulerOf();
    const [first, second] = [scheduler.add(request()), scheduler.add(request())];
    scheduler.finish(first);
    expect(scheduler.waiting).toEqual([second]);
    expect(scheduler.checkIntegrity()).toBe(true);
  });
});

describe("rope variants", () => {
  const longRope = { ropeSwitchLength: 10 };

  test.each([
    [10, 0],
    [11, 1],
  ])("a prompt of %i tokens is computed with variant %i, in all chunks", (promptLength, variant) => {
    const scheduler = schedulerOf({ maxTokens: 4 }, longRope);
    const sequence = scheduler.add(request({ promptLength, maxTokens: 1 }));
    while (scheduler.hasWork) {
      const batch = scheduler.nextBatch()!;
      expect(sequence.ropeVariant).toBe(variant);
      settle(scheduler, batch);
    }
  });

  test("a sequence that outgrows variant 0 is computed again with variant 1, once", () => {
    const scheduler = schedulerOf({}, longRope);
    const sequence = scheduler.add(request({ promptLength: 9, maxTokens: 4 }));
    expect([runStep(scheduler), sequence.ropeVariant]).toEqual([[[0, 9]], 0]);
    expect([runStep(scheduler), sequence.ropeVariant]).toEqual([[[9, 10]], 0]);
    expect([runStep(scheduler), sequence.ropeVariant]).toEqual([[[0, 11]], 1]);
    expect([runStep(scheduler), sequence.ropeVariant]).toEqual([[[11, 12]], 1]);
    expect(scheduler.preemptions).toBe(0);
  });
});

test("penalties are counted for requests that have one, only", () => {
  const scheduler = schedulerOf();
  expect(scheduler.add(request()).counts).toBeUndefined();
  for (const penalty of [{ repetitionPenalty: 1.1 }, { presencePenalty: 1 }, { frequencyPenalty: -1 }])
    expect(scheduler.add(request({ sampling: { ...greedySampling, ...penalty } })).counts?.size).toBe(5);
});
