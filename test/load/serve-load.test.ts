import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasNative, isBuilt } from "../cli/fewbit.ts";
import { askWhole, statsOf, type Question } from "../server/ask.ts";
import { exactFlags, residentBytes, startServe, type ServeProcess } from "../server/serve-process.ts";
import { driveServer, type DriveReport } from "./drive-server.ts";

/**
 * Many clients at once against `fewbit serve` with the embedded model, of which some leave, some talk nonsense and one reads a byte a
 * second. By hand, ten minutes: `FEWBIT_LOAD_SECONDS=600 FEWBIT_LOAD_STREAMS=64 npx vitest run test/load/serve-load.test.ts`.
 */
const seconds = Number(process.env.FEWBIT_LOAD_SECONDS ?? 60);
const streams = Number(process.env.FEWBIT_LOAD_STREAMS ?? 16);
const seed = Number(process.env.FEWBIT_LOAD_SEED ?? 1);

const sentence = "The fox went over the hill and saw another fox there. ";
const questions: readonly Question[] = [
  { prompt: "The capital of France is", maxTokens: 12 },
  { prompt: "Once upon a time", maxTokens: 90 },
  { prompt: "Once upon a time, there was", maxTokens: 80 },
  { prompt: `${sentence.repeat(3)}Then`, maxTokens: 8 },
  { prompt: `${sentence.repeat(3)}But`, maxTokens: 70 },
  { prompt: `${sentence.repeat(12)}At last`, maxTokens: 6 },
  { prompt: `${sentence.repeat(12)}In the end, the fox`, maxTokens: 20 },
  { prompt: "1, 2, 3, 4,", maxTokens: 90 },
  { prompt: "def fibonacci(n):\n", maxTokens: 90 },
  { prompt: "Привет, мир!", maxTokens: 70 },
  { prompt: "Write a poem", maxTokens: 90, temperature: 1, seed: 7 },
];

/** 10 pages, of which a long prompt takes five: requests wait for each other, and long answers that grow pre-empt the last ones. */
const flags = [...exactFlags, "--max-num-seqs", "16", "--max-model-len", "256", "--kv-cache-memory", "15MB"];

describe.skipIf(!isBuilt || !hasNative)(`${streams} clients for ${seconds} s`, () => {
  let server: ServeProcess;
  let report: DriveReport;
  /** Bytes of both processes, once a second. */
  const resident: { readonly server: number; readonly engine: number }[] = [];

  beforeAll(
    async () => {
      server = await startServe(flags);
      const answers: (Question & { readonly answer: string })[] = [];
      for (const question of questions) answers.push({ ...question, answer: await askWhole(server.url, question) });
      let isOver = false;
      const watching = (async () => {
        while (!isOver) {
          const [own, engine] = [residentBytes(server.pid), residentBytes(server.enginePid() ?? -1)];
          if (own !== undefined && engine !== undefined) resident.push({ server: own, engine });
          await delay(1000);
        }
      })();
      report = await driveServer({ url: server.url, streams, seconds, seed, questions: answers });
      isOver = true;
      await watching;
      console.log(JSON.stringify({ ...report, stats: await statsOf(server.url), resident: summary() }));
    },
    1000 * (seconds + 240),
  );

  afterAll(async () => {
    server?.child.kill("SIGTERM");
    await server?.exited;
  });

  function summary(): Record<"server" | "engine", readonly number[]> {
    const marks = [0.3, 0.5, 0.75, 1].map((share) => Math.ceil(share * resident.length) - 1);
    const megabytes = (name: "server" | "engine") => marks.map((i) => Math.round((resident[i]?.[name] ?? 0) / 1e6));
    return { server: megabytes("server"), engine: megabytes("engine") };
  }

  test("nothing is lost or mixed up", () => {
    expect(report.wrong).toEqual([]);
    for (const kind of ["whole", "streamed", "left", "refused"] as const) expect(report[kind]).toBeGreaterThan(0);
    // Somebody reads slowly all the time.
    expect(report.slowBytes).toBeGreaterThan(seconds / 3);
  });

  test("answers had to make room for others", async () => {
    expect((await statsOf(server.url)).preemptions).toBeGreaterThan(0);
  });

  test("the engine never died, and its pages are back", async () => {
    await expect.poll(async () => (await statsOf(server.url)).running, { timeout: 20_000 }).toBe(0);
    expect(await statsOf(server.url)).toMatchObject({ waiting: 0, running: 0, pagesUsed: 0, restarts: 0 });
    const announced = /^(model|device|kernels|memory|loaded) |^$/;
    expect(
      server
        .stderr()
        .split("\n")
        .filter((line) => !announced.test(line)),
    ).toEqual([]);
  });

  test("memory is flat once all is warm", () => {
    if (resident.length < 20) return; // no /proc, or too short a run
    const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1];
    const third = Math.floor(resident.length / 3);
    for (const name of ["server", "engine"] as const) {
      const [middle, last] = [resident.slice(third, 2 * third), resident.slice(2 * third)];
      const growth = median(last.map((each) => each[name])) - median(middle.map((each) => each[name]));
      expect(growth, name).toBeLessThan(40e6);
    }
  });

  test("an answer is what it was before", async () => {
    expect(await askWhole(server.url, questions[0])).toBe(await askWhole(server.url, questions[0]));
  });
});
