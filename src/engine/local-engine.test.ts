import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { greedySampling } from "../device/sampling.ts";
import type { Step, StepResult } from "../device/step.ts";
import { RequestError, TimeoutError } from "../util/errors.ts";
import { collect, expectIdle, fullAttention, nullEngine, request, runAlone, vocabSize } from "./engine-test-kit.ts";
import type { NullEngineOptions } from "./engine-test-kit.ts";
import { createLocalEngine } from "./local-engine.ts";
import { NullExecutable } from "./null-executable.ts";

describe("a request", () => {
  test("yields its tokens, then why it ended, what it used and how long it took", async () => {
    await using engine = nullEngine();
    const { ids, logprobs, finished } = await collect(engine.generate(request({ promptLength: 20, maxTokens: 3 })));
    expect(ids).toHaveLength(3);
    expect(logprobs.every((logprob) => logprob < 0)).toBe(true);
    expect(finished).toMatchObject({ reason: "length", usage: { promptTokens: 20, completionTokens: 3 } });
    const { queuedMs, prefillMs, decodeMs } = finished.timings;
    expect(Math.min(queuedMs, prefillMs, decodeMs)).toBeGreaterThan(0);
    expect((await engine.stats()).steps).toBe(4); // two chunks of prompt, two tokens after the first
    await expectIdle(engine);
  });

  test("ends after a stop id, which is reported", async () => {
    const { ids } = await runAlone(request({ maxTokens: 20 }));
    const stop = ids[7];
    const stopped = await runAlone(request({ maxTokens: 20, stopIds: [stop, (stop + 1) % vocabSize] }));
    expect(stopped.finished.reason).toBe("stop");
    expect(stopped.ids).toEqual(ids.slice(0, stopped.ids.length));
    expect([stop, (stop + 1) % vocabSize]).toContain(stopped.ids.at(-1));
  });

  test("ends where the context does", async () => {
    await using engine = nullEngine({ contextLength: 9 });
    const { ids, finished } = await collect(engine.generate(request({ promptLength: 5, maxTokens: 100 })));
    expect([ids.length, finished.reason]).toEqual([4, "length"]);
    await expect(collect(engine.generate(request({ promptLength: 9 })))).rejects.toThrow(RequestError);
    expect(engine.info.contextLength).toBe(9);
  });

  test("reports the likeliest tokens, as many as it asked for, whatever its neighbours ask for", async () => {
    await using engine = nullEngine();
    const tops = await Promise.all(
      [0, 2, 5].map(async (topLogprobs) => {
        const counts: number[] = [];
        for await (const event of engine.generate(request({ maxTokens: 2, topLogprobs }))) {
          if (event.type !== "token") continue;
          counts.push(event.top?.length ?? 0);
          // The null executable is greedy here: the likeliest token is the one drawn.
          if (event.top !== undefined) expect(event.top[0]).toEqual({ id: event.id, logprob: event.logprob });
        }
        return counts;
      }),
    );
    expect(tops).toEqual([[0, 0], [2, 2], [5, 5]]); // prettier-ignore
  });

  test("that is wrong throws where it is read, and leaves nothing behind", async () => {
    await using engine = nullEngine();
    await expect(collect(engine.generate(request({ promptIds: [vocabSize] })))).rejects.toThrow("promptIds[0] is 50");
    await expectIdle(engine);
  });
});

describe("requests side by side", () => {
  test("say what they would say alone", async () => {
    const requests = [3, 30, 7, 16, 1, 22].map((promptLength, i) =>
      request({
        promptLength,
        maxTokens: 5 + 3 * i,
        sampling: { ...greedySampling, temperature: i % 2, seed: i * 2 ** 33, frequencyPenalty: i % 3 },
      }),
    );
    await using engine = nullEngine();
    const together = await Promise.all(requests.map((each) => collect(engine.generate(each))));
    for (const [i, each] of requests.entries()) expect(together[i].ids).toEqual((await runAlone(each)).ids);
    await expectIdle(engine);
  });

  test("a seed decides what is drawn", async () => {
    const drawn = async (seed: number) =>
      (await runAlone(request({ sampling: { ...greedySampling, temperature: 5, seed } }))).ids;
    expect(await drawn(1)).toEqual(await drawn(1));
    expect(await drawn(1)).not.toEqual(await drawn(2));
    expect(await drawn(1)).not.toEqual(await drawn(1 + 2 ** 32));
  });

  test("submitted together, start in one step", async () => {
    const sizes: number[] = [];
    await using engine = nullEngine({ beforeStep: ({ slots }) => void sizes.push(slots.length) });
    await Promise.all([1, 2, 3].map(() => collect(engine.generate(request({ promptLength: 3, maxTokens: 1 })))));
    expect(sizes).toEqual([3]);
  });

  test("a sequence that crosses the rope switch says the same beside others", async () => {
    const long = { ropeSwitchLength: 12 };
    const crossing = request({ promptLength: 8, maxTokens: 20 });
    const without = await runAlone(crossing);
    const alone = await runAlone(crossing, long);
    // Five tokens are known before the cache holds more than 12 positions; from there on the variants differ.
    expect(alone.ids.slice(0, 5)).toEqual(without.ids.slice(0, 5));
    expect(alone.ids.slice(5)).not.toEqual(without.ids.slice(5));
    await using engine = nullEngine({ ...long, pageCounts: [12] });
    const together = await Promise.all(
      [8, 30, 8].map((promptLength) =>
        collect(engine.generate({ ...crossing, ...request({ promptLength, maxTokens: 20 }) })),
      ),
    );
    expect(together[0].ids).toEqual(alone.ids);
    expect(together[2].ids).toEqual(alone.ids);
    await expectIdle(engine);
  });

  test("more of them than pages: some are pre-empted, none says anything else for it", async () => {
    await using engine = nullEngine({ pageCounts: [10] });
    const requests = [4, 5, 6, 7].map((promptLength) => request({ promptLength, maxTokens: 25 }));
    const together = await Promise.all(requests.map((each) => collect(engine.generate(each))));
    for (const [i, each] of requests.entries()) expect(together[i].ids).toEqual((await runAlone(each)).ids);
    expect((await engine.stats()).preemptions).toBeGreaterThan(0);
    await expectIdle(engine);
  });
});

describe("cancelling", () => {
  test("by leaving the loop frees the pages at once", async () => {
    await using engine = nullEngine();
    let count = 0;
    for await (const _ of engine.generate(request({ maxTokens: 100 }))) if (++count === 3) break;
    await expectIdle(engine);
    expect(engine.checkIntegrity()).toBe(true);
  });

  test("by a signal ends with a cancelled event, also while a step runs", async () => {
    const abort = new AbortController();
    await using engine = nullEngine({
      beforeStep: async ({ positions }) => {
        if (positions[0] < 7) return;
        abort.abort();
        await expectIdle(engine); // while the step still runs
      },
    });
    const { ids, finished } = await collect(engine.generate(request({ promptLength: 5 }), abort.signal));
    expect([ids.length, finished.reason]).toEqual([3, "cancelled"]);
    expect(finished.usage).toEqual({ promptTokens: 5, cachedTokens: 0, completionTokens: 3 });
    await expectIdle(engine);
  });

  test("by a signal that has fired before runs nothing", async () => {
    await using engine = nullEngine();
    const { finished } = await collect(engine.generate(request(), AbortSignal.abort()));
    expect(finished.reason).toBe("cancelled");
    expect((await engine.stats()).steps).toBe(0);
  });

  test("leaves the neighbours alone", async () => {
    const abort = new AbortController();
    await using engine = nullEngine({ beforeStep: ({ positions }) => void (positions[0] === 8 && abort.abort()) });
    const [cancelled, other] = await Promise.all([
      collect(engine.generate(request(), abort.signal)),
      collect(engine.generate(request({ promptLength: 6 }))),
    ]);
    expect(cancelled.finished.reason).toBe("cancelled");
    expect(other.ids).toEqual((await runAlone(request({ promptLength: 6 }))).ids);
  });
});

describe("on a device that runs ahead", () => {
  /** An engine, and of each step how many of its tokens the host had not seen. */
  function aheadEngine(options: NullEngineOptions = {}) {
    const unseen: number[] = [];
    const beforeStep = ({ tokens }: Step): void => void unseen.push(tokens.filter((token) => token < 0).length);
    return { engine: nullEngine({ runsAhead: true, beforeStep, ...options }), unseen };
  }

  test("steps follow each other with tokens that the host has not seen", async () => {
    const { engine, unseen } = aheadEngine();
    await using _ = engine;
    const asked = request({ maxTokens: 10 });
    expect((await collect(engine.generate(asked))).ids).toEqual((await runAlone(asked)).ids);
    expect(unseen).toEqual([0, ...Array<number>(9).fill(1)]); // none superfluous: maxTokens is known before
    await expectIdle(engine);
  });

  test("what a stop id makes superfluous is dropped", async () => {
    const { ids } = await runAlone(request({ maxTokens: 20 }));
    const { engine, unseen } = aheadEngine();
    await using _ = engine;
    const stopped = request({ maxTokens: 20, stopIds: [ids[7]] });
    const count = ids.indexOf(ids[7]) + 1;
    expect((await collect(engine.generate(stopped))).ids).toEqual(ids.slice(0, count));
    expect(unseen).toHaveLength(count + 1);
    await expectIdle(engine);
    expect((await collect(engine.generate(request({ promptLength: 11 })))).ids).toEqual(
      (await runAlone(request({ promptLength: 11 }))).ids,
    );
  });

  test("penalties, early stop ids and whoever waits for a slot see every token first", async () => {
    const waits = [request({ sampling: { ...greedySampling, presencePenalty: 1 } }), request({ minTokens: 10 })];
    for (const each of waits) {
      const { engine, unseen } = aheadEngine();
      await using _ = engine;
      expect((await collect(engine.generate(each))).ids).toEqual((await runAlone(each)).ids);
      expect(Math.max(...unseen)).toBe(0);
    }
    const { engine } = aheadEngine({ maxSequences: 1 });
    await using _ = engine;
    const [low, high] = [request({ priority: 1, maxTokens: 60 }), request({ promptLength: 7, maxTokens: 3 })];
    const order: string[] = [];
    const running = collect(engine.generate(low)).then((outcome) => (order.push("low"), outcome));
    await delay(1);
    const urgent = collect(engine.generate(high)).then((outcome) => (order.push("high"), outcome));
    expect((await running).ids).toEqual((await runAlone(low)).ids);
    expect((await urgent).ids).toEqual((await runAlone(high)).ids);
    expect(order).toEqual(["high", "low"]);
  });

  test("a step that fails ends its requests, and those of the step behind it, and nothing else", async () => {
    let steps = 0;
    const beforeStep = (): void => {
      if (++steps === 4) throw new Error("device lost its way");
    };
    const { engine } = aheadEngine({ beforeStep });
    await using _ = engine;
    await expect(collect(engine.generate(request()))).rejects.toThrow("device lost its way");
    await expectIdle(engine);
    expect((await collect(engine.generate(request()))).ids).toEqual((await runAlone(request())).ids);
  });
});

describe("a request whose time is over", () => {
  test("fails, in the line or while it runs, and leaves the others alone", async () => {
    await using engine = nullEngine({ maxSequences: 1, beforeStep: () => delay(5) });
    const first = request({ maxTokens: 40 });
    const [whole, ...late] = await Promise.allSettled([
      collect(engine.generate(first)),
      collect(engine.generate(request({ queueTimeoutMs: 20 }))),
      collect(engine.generate(request({ timeoutMs: 20 }))),
    ]);
    expect(whole).toMatchObject({ status: "fulfilled", value: { ids: (await runAlone(first)).ids } });
    expect(late).toMatchObject([{ reason: { code: "overloaded" } }, { reason: { code: "timed-out" } }]);
    await expect(collect(engine.generate(request({ maxTokens: 100, timeoutMs: 20 })))).rejects.toThrow(TimeoutError);
    // Who has begun in time is not in the line any more.
    await collect(engine.generate(request({ maxTokens: 20, queueTimeoutMs: 20 })));
    await expectIdle(engine);
  });
});

describe("an answer that an engine before has begun", () => {
  test("goes on as it would have, in tokens, counts and reasons", async () => {
    const sampling = { ...greedySampling, temperature: 1, seed: 3, presencePenalty: 1, repetitionPenalty: 1.5 };
    const whole = request({ maxTokens: 12, sampling });
    const { ids, finished } = await runAlone(whole);
    for (const count of [1, 5, 11, 12]) {
      const rest = await runAlone({ ...whole, outputIds: ids.slice(0, count) });
      expect(rest.ids).toEqual(ids.slice(count));
      expect(rest.finished).toMatchObject({ reason: "length", usage: finished.usage });
    }
    const stopped = await runAlone({ ...whole, outputIds: ids.slice(0, 4), stopIds: [ids[3]] });
    expect([stopped.ids, stopped.finished.reason]).toEqual([[], "stop"]);
    await expect(runAlone({ ...whole, outputIds: [vocabSize] })).rejects.toThrow("outputIds[0] is 50");
  });
});

describe("the step loop", () => {
  test("a failing step fails the requests in it, and the engine goes on", async () => {
    let failsNext = false;
    await using engine = nullEngine({
      maxSequences: 2,
      beforeStep: () => {
        if (!failsNext) return;
        failsNext = false;
        throw new Error("device lost its way");
      },
    });
    const waiting = [0, 1, 2].map((i) => engine.generate(request({ promptLength: 4 + i }))[Symbol.asyncIterator]());
    await waiting[0].next();
    failsNext = true;
    const ends = await Promise.allSettled(
      waiting.map(async (events) => {
        for (let event = await events.next(); !event.done; event = await events.next());
      }),
    );
    expect(ends.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled"]);
    expect(ends[0]).toMatchObject({ reason: new Error("device lost its way") });
    await expectIdle(engine);
    expect((await collect(engine.generate(request()))).ids).toEqual((await runAlone(request())).ids);
  });

  test("a sample outside the vocabulary fails its request", async () => {
    await using engine = nullEngine({ vocabSize: 3 }); // the executable draws from 50
    const wrong = request({ promptIds: [1], maxTokens: 50 });
    await expect(collect(engine.generate(wrong))).rejects.toThrow(/the device sampled id \d+ of a vocabulary of 3/);
    await expectIdle(engine);
  });

  test("logits that are not numbers fail their request alone, and say so", async () => {
    /** Reports what a device does where the logits of a step's first row hold a NaN. */
    class Damaged extends NullExecutable {
      override async step(step: Step): Promise<StepResult> {
        const result = await super.step(step);
        if (step.slots.length > 1) result.samples[0] = -1;
        return result;
      }
    }
    const limits = { maxTokens: 16, maxSequences: 4, maxOutputs: 8, pageSize: 4, pageCounts: [64] };
    const device = { backend: "null", description: "", kernels: {}, weightBytes: 0, stepBytes: 0 };
    const executable = new Damaged({ limits, pageKinds: fullAttention, vocabSize });
    const options = { vocabSize, pageKinds: fullAttention, contextLength: 64, device };
    await using engine = createLocalEngine(executable, options);
    const [damaged, sound] = await Promise.allSettled(
      [1, 2].map((promptLength) => collect(engine.generate(request({ promptLength })))),
    );
    expect(damaged).toMatchObject({ status: "rejected", reason: { code: "bad-file" } });
    expect(sound).toMatchObject({ value: { ids: (await runAlone(request({ promptLength: 2 }))).ids } });
    await expectIdle(engine);
  });

  test("leaves the event loop its turn between steps", async () => {
    await using engine = nullEngine();
    let turns = 0;
    let isDone = false;
    const turn = () => {
      turns++;
      if (!isDone) setImmediate(turn);
    };
    turn();
    await collect(engine.generate(request({ maxTokens: 50 })));
    isDone = true;
    expect(turns).toBeGreaterThanOrEqual(50);
  });

  test("a request that comes just as the loop ends is run", async () => {
    await using engine = nullEngine();
    for (let i = 0; i < 50; i++) {
      await collect(engine.generate(request({ maxTokens: 1 })));
      // Some microtasks later each time, across the moment at which the loop finds nothing to do.
      for (let j = 0; j < i; j++) await Promise.resolve();
    }
    await expectIdle(engine);
  });

  test("makes no steps when idle", async () => {
    await using engine = nullEngine();
    await collect(engine.generate(request({ maxTokens: 2 })));
    const { steps } = await engine.stats();
    await delay(20);
    expect((await engine.stats()).steps).toBe(steps);
  });
});

describe("disposing", () => {
  test("cancels what runs, waits for the step in flight, then releases, once", async () => {
    const log: string[] = [];
    const engine = nullEngine({
      beforeStep: async () => {
        log.push("step begins");
        await delay(20);
        log.push("step ends");
      },
      release: async () => {
        await delay(1);
        log.push("released");
      },
    });
    const running = collect(engine.generate(request()));
    while (log.length === 0) await delay(1);
    await Promise.all([engine[Symbol.asyncDispose](), engine[Symbol.asyncDispose]()]);
    expect(log).toEqual(["step begins", "step ends", "released"]);
    expect((await running).finished.reason).toBe("cancelled");
    await expect(collect(engine.generate(request()))).rejects.toThrow("the engine has been disposed");
  });
});

test("cache positions are those of the kind that keeps all", () => {
  expect(nullEngine({ pageCounts: [30, 5], pageKinds: [{}, { window: 4 }] }).info.cachePositions).toBe(120);
  expect(nullEngine({ pageCounts: [5], pageKinds: [{ window: 4 }] }).info.cachePositions).toBe(20);
});
