import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AbortedError, CrashError, RequestError, UnsupportedError } from "../util/errors.ts";
import type { LoadProgress } from "../util/load-progress.ts";
import { buildModules } from "./build-test-kit.ts";
import { startChildEngine, type ChildEngineOptions } from "./child-engine.node.ts";
import { collect, expectIdle, nullEngine, request, runAlone } from "./engine-test-kit.ts";
import type { EngineEvent } from "./engine.ts";
import type { EngineProcess } from "./engine-process.ts";
import type { NullEngineChildOptions } from "./null-engine-child.node.ts";

const folder = mkdtempSync(join(tmpdir(), "fewbit-child-engine-"));
const modulePath = join(folder, "child.mjs");

beforeAll(async () => {
  const entry = (name: string) => fileURLToPath(new URL(name, import.meta.url));
  await buildModules({ child: entry("null-engine-child.node.ts"), parent: entry("child-engine.node.ts") }, folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function start(
  options: NullEngineChildOptions = {},
  rest: Partial<Omit<ChildEngineOptions, "options">> = {},
): Promise<EngineProcess> {
  return startChildEngine({ modulePath, options, ...rest });
}

/** Whether the process still runs; one that has ended and waits for its parent to notice does not. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    const status = `/proc/${pid}/stat`;
    return !existsSync(status) || !readFileSync(status, "utf8").includes(") Z");
  } catch {
    return false;
  }
}

async function expectGone(pid: number): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (isAlive(pid) && performance.now() < deadline) await delay(5);
  expect(isAlive(pid)).toBe(false);
}

describe("an engine in a child process", () => {
  test("says what one in this process says, to many at once", async () => {
    const requests = [3, 20, 9].map((promptLength) => request({ promptLength, maxTokens: 12 }));
    await using engine = await start();
    expect(engine.info).toEqual(nullEngine().info);
    const together = await Promise.all(requests.map((each) => collect(engine.generate(each))));
    for (const [i, each] of requests.entries()) expect(together[i].ids).toEqual((await runAlone(each)).ids);
    await expectIdle(engine);
  });

  test("carries top log-probabilities as they are", async () => {
    const asked = request({ promptLength: 11, maxTokens: 4, topLogprobs: 3 });
    await using engine = await start();
    const tokens = async (events: AsyncIterable<EngineEvent>) => {
      const all: EngineEvent[] = [];
      for await (const event of events) if (event.type === "token") all.push(event);
      return all;
    };
    const carried = await tokens(engine.generate(asked));
    expect(carried).toHaveLength(4);
    await using local = nullEngine();
    expect(carried).toEqual(await tokens(local.generate(asked)));
  });

  test("fails a wrong request with the error that it is", async () => {
    await using engine = await start();
    await expect(collect(engine.generate(request({ promptIds: [-3] })))).rejects.toThrow(RequestError);
  });

  test("cancels what is left or aborted", async () => {
    const abort = new AbortController();
    await using engine = await start({ stepDelayMs: 1 });
    const aborted = collect(engine.generate(request({ maxTokens: 200 }), abort.signal));
    let count = 0;
    for await (const _ of engine.generate(request({ maxTokens: 200 }))) if (++count === 2) break;
    abort.abort();
    expect((await aborted).finished.reason).toBe("cancelled");
    await expectIdle(engine);
  });

  test("is gone when it is disposed of, and takes no requests any more", async () => {
    const engine = await start({ stepDelayMs: 1 });
    const running = collect(engine.generate(request({ maxTokens: 200 })));
    await engine.stats(); // the request is there
    await engine[Symbol.asyncDispose]();
    await expectGone(engine.pid!);
    expect((await running).finished.reason).toBe("cancelled");
    await expect(collect(engine.generate(request()))).rejects.toThrow("the engine has been disposed");
    await engine[Symbol.asyncDispose]();
  });
});

describe("a child that", () => {
  test("is killed fails its requests with what happened, and later ones too", async () => {
    const engine = await start({ stepDelayMs: 1 });
    const running = collect(engine.generate(request({ maxTokens: 200 })));
    await engine.stats();
    process.kill(engine.pid!, "SIGKILL");
    await expect(running).rejects.toThrow(CrashError);
    await expect(running).rejects.toThrow(`the engine's process (pid ${engine.pid}) was killed by SIGKILL`);
    await expect(collect(engine.generate(request()))).rejects.toThrow(CrashError);
    await expect(engine.stats()).rejects.toThrow(CrashError);
    await engine[Symbol.asyncDispose]();
    await expectGone(engine.pid!);
  });

  test("hangs is killed when it is disposed of", async () => {
    const engine = await start({ hangs: true }, { disposeTimeoutMs: 100 });
    const running = collect(engine.generate(request()));
    const settled = expect(running).rejects.toThrow("was killed by SIGKILL");
    await engine.stats(); // its answer is the last that the child does
    await engine[Symbol.asyncDispose]();
    await settled;
    await expectGone(engine.pid!);
  });

  test("stopped does not keep its owner waiting for as long as a step may take", async () => {
    const engine = await start({}, { disposeTimeoutMs: 60_000 });
    await engine.stats();
    process.kill(engine.pid!, "SIGSTOP");
    await engine[Symbol.asyncDispose]();
    await expectGone(engine.pid!);
  });

  test("tells how far it is while it opens its engine, if anybody listens", async () => {
    const seen: LoadProgress[] = [];
    await using _ = await start({}, { onProgress: (progress) => seen.push(progress) });
    expect(seen).toEqual([{ phase: "read", bytesDone: 1, bytesTotal: 2 }]);
    const failing = start(
      {},
      {
        onProgress: () => {
          throw new RangeError("enough");
        },
      },
    );
    await expect(failing).rejects.toThrow("enough");
  });

  test("cannot open its engine says why", async () => {
    await expect(start({ refusal: "no kernel takes it" })).rejects.toThrow(UnsupportedError);
    await expect(start({ refusal: "no kernel takes it" })).rejects.toThrow("no kernel takes it");
  });

  test("is no module ends before it is ready", async () => {
    const missing = startChildEngine({ modulePath: join(folder, "missing.mjs"), options: {} });
    await expect(missing).rejects.toThrow(/exited with code 1/);
  });

  test("opens too slowly can be given up", async () => {
    const opening = start({ openDelayMs: 60_000 }, { signal: AbortSignal.timeout(200) });
    await expect(opening).rejects.toThrow(AbortedError);
    await expect(start({}, { signal: AbortSignal.abort() })).rejects.toThrow(AbortedError);
  });

  test("loses its parent exits, also in the middle of a request", async () => {
    const script = join(folder, "lonely.mjs");
    const child = JSON.stringify({ modulePath, options: { stepDelayMs: 1 } satisfies NullEngineChildOptions });
    const wanted = JSON.stringify(request({ maxTokens: 200 }));
    writeFileSync(
      script,
      `import { startChildEngine } from "./parent.mjs";
      const engine = await startChildEngine(${child});
      for await (const event of engine.generate(${wanted})) if (event.type === "token") console.log(engine.pid);`,
    );
    const parent = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await new Promise<Buffer>((resolve) => parent.stdout.once("data", resolve))).toString().split("\n");
    expect(isAlive(Number(line))).toBe(true);
    parent.kill("SIGKILL");
    await expectGone(Number(line));
  });
});
