import { CrashError } from "../util/errors.ts";
import { yieldToLoop } from "../util/yield-to-loop.ts";
import { nullEngine, type NullEngineOptions } from "./engine-test-kit.ts";
import type { EngineProcess } from "./engine-process.ts";
import { RemoteEngine } from "./remote-engine.ts";
import { serveEngine } from "./serve-engine.ts";
import type { EngineCommand, EngineReply, Port } from "./wire.ts";

/** Two ends that pass on copies, a turn later, as every real channel does. */
export function portPair(): readonly [Port<EngineReply, EngineCommand>, Port<EngineCommand, EngineReply>] {
  const handlers: ((message: never) => void)[] = [];
  const end = <In, Out>(own: number): Port<In, Out> => ({
    post: (message) => {
      const copy = structuredClone(message);
      void yieldToLoop().then(() => handlers[1 - own](copy as never));
    },
    onMessage: (handler) => (handlers[own] = handler),
  });
  return [end(0), end(1)];
}

/** What a process of its own is to its owner, without one: it loses what is under way when it is killed, or crashes in a step. */
export async function nullProcess(options: NullEngineOptions = {}): Promise<EngineProcess> {
  const [near, far] = portPair();
  let isAlive = true;
  let end: (error: CrashError) => void = () => undefined;
  const ended = new Promise<CrashError>((resolve) => (end = resolve));
  const { beforeStep } = options;
  const engine = nullEngine({
    ...options,
    beforeStep: async (step) => {
      try {
        await beforeStep?.(step);
      } catch (error) {
        if (error instanceof CrashError) die(error);
        throw error;
      }
    },
  });
  const connecting = RemoteEngine.connect({
    post: near.post,
    onMessage: (handler) => near.onMessage((reply) => isAlive && handler(reply)),
  });
  void serveEngine(engine, far)
    .then(yieldToLoop)
    .then(() => die(new CrashError("exited with code 0")));
  const remote = await connecting;
  const die = (error: CrashError): void => {
    if (!isAlive) return;
    isAlive = false;
    remote.fail(error);
    end(error);
    void engine[Symbol.asyncDispose]();
  };
  return {
    pid: 1,
    ended,
    info: remote.info,
    get health() {
      return remote.health;
    },
    generate: remote.generate.bind(remote),
    stats: remote.stats.bind(remote),
    kill: () => die(new CrashError("was killed by SIGKILL")),
    async [Symbol.asyncDispose]() {
      await remote[Symbol.asyncDispose]();
      await ended;
    },
  };
}
