import { expect, test } from "vitest";
import { CrashError, FormatError } from "../util/errors.ts";
import type { Engine } from "./engine.ts";
import { collect, expectIdle, nullEngine, request, runAlone } from "./engine-test-kit.ts";
import { RemoteEngine } from "./remote-engine.ts";
import { serveEngine } from "./serve-engine.ts";
import { portPair } from "./process-test-kit.ts";
import { decodeError, encodeError } from "./wire.ts";

async function connected(engine: Engine): Promise<{ readonly remote: RemoteEngine; readonly served: Promise<void> }> {
  const [near, far] = portPair();
  const ready = RemoteEngine.connect(near);
  const served = serveEngine(engine, far);
  return { remote: await ready, served };
}

test("requests, stats and disposal cross the port", async () => {
  let released = 0;
  const { remote, served } = await connected(nullEngine({ release: () => Promise.resolve(void released++) }));
  const requests = [4, 30].map((promptLength) => request({ promptLength }));
  const together = await Promise.all(requests.map((each) => collect(remote.generate(each))));
  for (const [i, each] of requests.entries()) expect(together[i].ids).toEqual((await runAlone(each)).ids);
  await expectIdle(remote);
  await Promise.all([remote[Symbol.asyncDispose](), remote[Symbol.asyncDispose]()]);
  await served;
  expect(released).toBe(1);
  await expect(remote.stats()).rejects.toThrow("the engine has been disposed");
});

test("stats that fail say why", async () => {
  const engine = nullEngine();
  engine.stats = () => Promise.reject(new FormatError("no books"));
  const { remote } = await connected(engine);
  await expect(remote.stats()).rejects.toThrow(FormatError);
  await expect(remote.stats()).rejects.toThrow("no books");
});

test("leaving and aborting reach the engine behind it", async () => {
  const engine = nullEngine();
  const { remote } = await connected(engine);
  for await (const _ of remote.generate(request({ maxTokens: 200 }))) break;
  const { finished } = await collect(remote.generate(request({ maxTokens: 200 }), AbortSignal.abort()));
  expect(finished.reason).toBe("cancelled");
  await remote.stats();
  await expectIdle(engine);
});

test("a failure behind the port keeps its class, and the others go on", async () => {
  let failsNext = true;
  const engine = nullEngine({
    maxSequences: 1,
    beforeStep: () => {
      if (!failsNext) return;
      failsNext = false;
      throw new FormatError("bad page");
    },
  });
  const { remote } = await connected(engine);
  const [first, second] = await Promise.allSettled([1, 2].map(() => collect(remote.generate(request()))));
  expect(first).toMatchObject({ status: "rejected", reason: new FormatError("bad page") });
  expect(second.status).toBe("fulfilled");
});

test("what is gone fails what runs, what is asked, and what comes after; disposing of it is done at once", async () => {
  const { remote } = await connected(nullEngine());
  const running = collect(remote.generate(request({ maxTokens: 200 })));
  const asked = remote.stats();
  remote.fail(new CrashError("gone"));
  await expect(running).rejects.toThrow("gone");
  await expect(asked).rejects.toThrow("gone");
  await expect(collect(remote.generate(request()))).rejects.toThrow("gone");
  await remote[Symbol.asyncDispose]();
});

test("errors cross as class and message; others keep their name in the message", () => {
  const crossed = (error: unknown) => decodeError(structuredClone(encodeError(error)));
  expect(crossed(new FormatError("bad page"))).toEqual(new FormatError("bad page"));
  expect(crossed(new FormatError("bad page"))).toBeInstanceOf(FormatError);
  expect(crossed(new TypeError("x is not a function")).message).toBe("TypeError: x is not a function");
  expect(crossed("torn").message).toBe("torn");
});
