import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { hasNative, isBuilt } from "../cli/fewbit.ts";
import { askStream, askWhole, bodyOf, post, statsOf, type Question } from "./ask.ts";
import { exactFlags, isAlive, startServe, type ServeProcess } from "./serve-process.ts";

/** Half of them sampled, of different lengths, so that a crash finds them in every state. */
const questions: readonly Question[] = Array.from({ length: 16 }, (_, i) => ({
  prompt: `Chapter ${i}. ${"The fox went over the hill. ".repeat(i % 5)}Then`,
  maxTokens: 6 + (i % 7),
  temperature: i % 2,
  seed: i,
}));

const flags = [...exactFlags, "--max-num-seqs", "8", "--max-model-len", "256", "--step-timeout", "60"];

/** The embedded model behind `fewbit serve`, to which things happen that no handler of ours can catch. */
describe.skipIf(!isBuilt || !hasNative || process.platform !== "linux")("a server", () => {
  let server: ServeProcess;
  let alone: readonly string[];

  beforeAll(async () => {
    server = await startServe(flags);
    alone = await Promise.all(questions.map((question) => askWhole(server.url, question)));
  }, 240_000);

  afterAll(async () => {
    server?.child.kill("SIGTERM");
    await server?.exited;
  });

  /** All questions at once; `strike` comes when the first answers have begun. */
  async function askAll(strike: () => void): Promise<readonly string[]> {
    let pieces = 0;
    return Promise.all(
      questions.map((question) =>
        askStream(server.url, question, () => {
          if (++pieces === 12) strike();
        }),
      ),
    );
  }

  test.each(["SIGSEGV", "SIGKILL"] as const)(
    "whose engine gets %s in the middle of 16 answers gives them all as they would have been",
    async (signal) => {
      const pid = server.enginePid();
      const { restarts } = await statsOf(server.url);
      expect(await askAll(() => process.kill(pid!, signal))).toEqual(alone);
      expect(server.enginePid()).not.toBe(pid);
      expect(server.stderr()).toMatch(`(pid ${pid}) was killed by ${signal}; it is started again`);
      expect((await statsOf(server.url)).restarts).toBe(restarts + 1);
      expect((await fetch(`${server.url}/health`)).status).toBe(200);
    },
    240_000,
  );

  test("whose engine hangs replaces it, and gives the answers all the same", async () => {
    const pid = server.enginePid();
    expect(await askAll(() => process.kill(pid!, "SIGSTOP"))).toEqual(alone);
    expect(server.stderr()).toMatch(`(pid ${pid}) has not answered for 10 s (its heartbeat) and was killed`);
    expect(await askWhole(server.url, questions[0])).toBe(alone[0]);
  }, 240_000);

  test("whose client is killed gives up that answer, and finishes the others", async () => {
    const body = bodyOf({ prompt: "Once upon a time", maxTokens: 200 }, { stream: true });
    const script = `const response = await fetch(${JSON.stringify(`${server.url}/v1/completions`)}, {
      method: "POST", headers: { "content-type": "application/json" }, body: ${JSON.stringify(body)} });
      for await (const _ of response.body) console.log("piece");`;
    const client = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(client.stdout, "data");
    const others = questions.slice(0, 3).map((question) => askWhole(server.url, question));
    client.kill("SIGKILL");
    expect(await Promise.all(others)).toEqual(alone.slice(0, 3));
    await expect
      .poll(async () => await statsOf(server.url), { timeout: 20_000 })
      .toMatchObject({ running: 0, pagesUsed: 0 });
  }, 120_000);

  test("that is asked to end finishes its answers, refuses new ones, and ends", async () => {
    const ending = await startServe(flags);
    onTestFinished(() => void ending.child.kill("SIGKILL"));
    let pieces = 0;
    const answers = questions.map((question) =>
      askStream(ending.url, question, () => {
        if (++pieces === 5) ending.child.kill("SIGTERM");
      }),
    );
    while (pieces < 5) await delay(5);
    await delay(50);
    expect((await post(ending.url, bodyOf(questions[0]))).status).toBe(503);
    expect((await fetch(`${ending.url}/health`)).status).toBe(503);
    expect(await Promise.all(answers)).toEqual(alone);
    expect(await ending.exited).toBe(0);
  }, 240_000);

  test("that is asked twice ends at once", async () => {
    const ending = await startServe(flags);
    onTestFinished(() => void ending.child.kill("SIGKILL"));
    const pid = ending.enginePid();
    const answer = askStream(ending.url, { prompt: "Once upon a time", maxTokens: 200 }, () => {
      ending.child.kill("SIGTERM");
    });
    await expect(answer).rejects.toThrow();
    expect(await ending.exited).toBe(143);
    await expect.poll(() => isAlive(pid!), { timeout: 20_000 }).toBe(false);
  }, 240_000);
});
