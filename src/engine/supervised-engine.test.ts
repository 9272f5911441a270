import { describe, expect, test } from "vitest";
import { seededRandom } from "../../test/support/seeded-random.ts";
import { greedySampling } from "../device/sampling.ts";
import type { Step } from "../device/step.ts";
import { CrashError, FormatError, RequestError } from "../util/errors.ts";
import { yieldToLoop } from "../util/yield-to-loop.ts";
import type { GenerationRequest } from "./engine.ts";
import type { EngineProcess } from "./engine-process.ts";
import { collect, expectIdle, request, runAlone, type NullEngineOptions } from "./engine-test-kit.ts";
import { nullProcess } from "./process-test-kit.ts";
import { SupervisedEngine, type SupervisionOptions } from "./supervised-engine.ts";

/** An engine whose processes are counted, and of which the last can be reached. */
async function supervised(options: NullEngineOptions = {}, supervision: Partial<SupervisionOptions> = {}) {
  const processes: EngineProcess[] = [];
  const crashes: string[] = [];
  const engine = await SupervisedEngine.start({
    open: async () => {
      const process = await nullProcess(options);
      processes.push(process);
      return process;
    },
    backOffMs: () => 0,
    onCrash: ({ message }) => crashes.push(message),
    ...supervision,
  });
  const kill = (): void => processes.at(-1)?.kill();
  return { engine, processes, crashes, kill };
}

/** Different lengths, half of them sampled. */
function requests(count: number): readonly GenerationRequest[] {
  return Array.from({ length: count }, (_, i) =>
    request({
      promptIds: [i, ...request({ promptLength: 2 + ((3 * i) % 11) }).promptIds],
      maxTokens: 8 + ((5 * i) % 13),
      sampling: { ...greedySampling, temperature: i % 2, seed: i, presencePenalty: i % 3 },
    }),
  );
}

async function expectAlone(
  asked: readonly GenerationRequest[],
  answers: readonly { readonly ids: readonly number[] }[],
) {
  for (const [i, each] of asked.entries()) expect(answers[i].ids).toEqual((await runAlone(each)).ids);
}

describe("a process that is killed", () => {
  test("in the middle of answers is replaced, and they end as they would have", async () => {
    let kill = (): void => undefined;
    let steps = 0;
    const found = await supervised({
      maxSequences: 3,
      beforeStep: () => void ([9, 40, 65].includes(++steps) && kill()),
    });
    kill = found.kill;
    await using engine = found.engine;
    const asked = requests(12);
    const answers = await Promise.all(asked.map((each) => collect(engine.generate(each))));
    await expectAlone(asked, answers);
    for (const [i, { finished, ids }] of answers.entries()) {
      expect(finished.reason).toBe("length");
      expect(finished.usage).toMatchObject({ promptTokens: asked[i].promptIds.length, completionTokens: ids.length });
      const { queuedMs, prefillMs, decodeMs } = finished.timings;
      expect(Math.min(queuedMs, prefillMs, decodeMs)).toBeGreaterThanOrEqual(0);
    }
    expect(found.processes.length).toBe(4);
    expect(found.crashes[0]).toBe("was killed by SIGKILL");
    expect((await engine.stats()).restarts).toBe(found.processes.length - 1);
    await expectIdle(engine);
    expect(engine.health).toEqual({ state: "ready" });
  });

  test("while nothing runs is replaced too", async () => {
    const { engine, kill, processes } = await supervised();
    await using _ = engine;
    kill();
    const asked = request();
    await expectAlone([asked], [await collect(engine.generate(asked))]);
    expect(processes).toHaveLength(2);
  });

  test("again and again at random: no token is lost or said twice", async () => {
    for (let seed = 0; seed < 20; seed++) {
      const random = seededRandom(seed);
      const { engine, kill } = await supervised({ pageCounts: [12] }, { mostCrashes: 1000 });
      await using _ = engine;
      let isOver = false;
      const killing = (async () => {
        // Rarely enough for every request to get on in between: it must not be found guilty.
        while (!isOver) {
          for (let turns = 40 + random(60); turns > 0 && !isOver; turns--) await yieldToLoop();
          if (!isOver) kill();
        }
      })();
      const asked = requests(10);
      const answers = await Promise.allSettled(
        asked.map(async (each) => {
          for (let turns = random(40); turns > 0; turns--) await yieldToLoop();
          const abort = new AbortController();
          if (random(4) === 0) void (async () => {
            for (let turns = random(80); turns > 0; turns--) await yieldToLoop();
            abort.abort();
          })(); // prettier-ignore
          return collect(engine.generate(each, abort.signal));
        }),
      );
      isOver = true;
      await killing;
      for (const [i, answer] of answers.entries()) {
        if (answer.status === "rejected") expect(String(answer.reason)).toMatch("ended 3 times on this request");
        else {
          const { ids, finished } = answer.value;
          const alone = (await runAlone(asked[i])).ids;
          expect(ids).toEqual(finished.reason === "cancelled" ? alone.slice(0, ids.length) : alone);
        }
      }
      expect(answers.filter(({ status }) => status === "rejected").length).toBeLessThan(3);
      await expect.poll(async () => (await engine.stats()).running).toBe(0);
    }
  });
});

describe("a request that kills each process", () => {
  const poison = 49;
  const isPoisoned = ({ tokens }: Step): boolean => tokens.includes(poison);
  const crash = (step: Step): void => {
    if (isPoisoned(step)) throw new CrashError("was killed by SIGSEGV");
  };

  test("is found, and fails alone", async () => {
    const { engine, processes } = await supervised({ beforeStep: crash });
    await using _ = engine;
    const bias = { ...greedySampling, logitBias: [[poison, -1e9] as const] };
    const asked = requests(8).map((each) => ({ ...each, sampling: bias }));
    const guilty = collect(engine.generate({ ...asked[3], promptIds: [1, poison] }));
    const failed = expect(guilty).rejects.toThrow("the engine's process ended 3 times on this request");
    const answers = await Promise.all(asked.map((each) => collect(engine.generate(each))));
    await failed;
    await expectAlone(asked, answers);
    expect(processes.length).toBeLessThanOrEqual(5);
    expect(engine.health.state).toBe("ready");
  });

  test("fails alone also when there is no other", async () => {
    const { engine, processes } = await supervised({ beforeStep: crash });
    await using _ = engine;
    await expect(collect(engine.generate(request({ promptIds: [poison] })))).rejects.toThrow(CrashError);
    expect(processes).toHaveLength(3 + Number(engine.health.state === "ready"));
    const asked = request({ maxTokens: 1 });
    await expectAlone([asked], [await collect(engine.generate(asked))]);
  });
});

describe("a process that hangs", () => {
  test("in a step is killed, and the step taken again", async () => {
    let steps = 0;
    const hang = (): Promise<void> | undefined => (++steps === 4 ? new Promise(() => undefined) : undefined);
    const { engine, crashes } = await supervised({ beforeStep: hang }, { stepTimeoutMs: 20, intervalMs: 5 });
    const asked = requests(3);
    await expectAlone(asked, await Promise.all(asked.map((each) => collect(engine.generate(each)))));
    expect(crashes).toEqual([expect.stringContaining("has been in one step for")]);
    // The process that hangs is one of this test only: nothing ends it.
    await engine[Symbol.asyncDispose]();
  });

  test("and answers nothing any more is killed", async () => {
    let isSilent = false;
    const open = async (): Promise<EngineProcess> => {
      const process = await nullProcess({ beforeStep: () => (isSilent ? new Promise(() => undefined) : undefined) });
      return {
        ...process,
        stats: () => (isSilent ? new Promise(() => undefined) : process.stats()),
        kill: () => ((isSilent = false), process.kill()),
      };
    };
    const { engine, crashes } = await supervised({}, { open, heartbeatTimeoutMs: 20, intervalMs: 5 });
    isSilent = true;
    const asked = request();
    await expectAlone([asked], [await collect(engine.generate(asked))]);
    expect(crashes).toEqual([expect.stringContaining("has not answered for")]);
    await engine[Symbol.asyncDispose]();
  });
});

describe("an engine that crashes at every step", () => {
  const always = (): void => {
    throw new CrashError("was killed by SIGILL");
  };

  test("has failed after some times, and says so to everybody", async () => {
    const { engine, processes } = await supervised({ beforeStep: always }, { mostCrashes: 5 });
    await using _ = engine;
    const answers = await Promise.allSettled(requests(6).map((each) => collect(engine.generate(each))));
    expect(answers.map(({ status }) => status)).toEqual(Array(6).fill("rejected"));
    expect(engine.health.state).toBe("failed");
    expect(JSON.stringify(engine.health)).toMatch(/crashed 5 times.*SIGILL/);
    await expect(collect(engine.generate(request()))).rejects.toThrow(CrashError);
    expect(processes).toHaveLength(5);
  });

  test("waits longer each time", async () => {
    const waits: number[] = [];
    const backOffMs = (crashes: number): number => (waits.push(crashes), 0);
    const { engine } = await supervised({ beforeStep: always }, { mostCrashes: 4, backOffMs });
    await expect(collect(engine.generate(request()))).rejects.toThrow(CrashError);
    await engine[Symbol.asyncDispose]();
    expect(waits.slice(0, 3)).toEqual([1, 2, 3]);
  });

  test("that cannot be opened again has failed as well", async () => {
    const first = await nullProcess();
    let opened = 0;
    const open = (): Promise<EngineProcess> =>
      opened++ === 0 ? Promise.resolve(first) : Promise.reject(new FormatError("the file has gone"));
    const { engine } = await supervised({}, { open, mostCrashes: 3 });
    await using _ = engine;
    const running = collect(engine.generate(request({ maxTokens: 200 })));
    first.kill();
    await expect(running).rejects.toThrow(/crashed 3 times.*could not be started again: the file has gone/);
    expect(opened).toBe(3);
  });
});

describe("disposing", () => {
  test("ends what runs and what waits, also while there is no process", async () => {
    for (const isKilled of [false, true]) {
      const first = await nullProcess();
      let opened = 0;
      const open = (signal: AbortSignal): Promise<EngineProcess> =>
        opened++ === 0
          ? Promise.resolve(first)
          : new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("given up"))));
      const { engine } = await supervised({}, { open });
      const running = collect(engine.generate(request({ maxTokens: 200 })));
      await engine.stats();
      if (isKilled) first.kill();
      while (isKilled && opened === 1) await yieldToLoop();
      await engine[Symbol.asyncDispose]();
      expect((await running).finished.reason).toBe("cancelled");
      await expect(collect(engine.generate(request()))).rejects.toThrow(RequestError);
    }
  });
});

test("a request that is wrong fails with what it is, in no process but one", async () => {
  const { engine, processes } = await supervised();
  await using _ = engine;
  await expect(collect(engine.generate(request({ promptIds: [-1] })))).rejects.toThrow(RequestError);
  expect(processes).toHaveLength(1);
});

test("what the first opening throws is thrown", async () => {
  const open = (): Promise<EngineProcess> => Promise.reject(new FormatError("no such thing"));
  await expect(SupervisedEngine.start({ open })).rejects.toThrow(FormatError);
});
