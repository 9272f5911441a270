import { expect, test } from "vitest";
import { tinyModel } from "../../test/support/tiny-model.ts";
import { createReferenceBackend } from "../backends/reference/reference-backend.ts";
import { openCheckpoint } from "../checkpoint/open-checkpoint.ts";
import type { Backend, BackendName, Device, Executable } from "../device/backend.ts";
import { OutOfMemoryError, RequestError, UnsupportedError } from "../util/errors.ts";
import type { LoadProgress } from "../util/load-progress.ts";
import type { EngineOptions } from "./engine-options.ts";
import { loadEngine } from "./load-engine.ts";

/** The reference backend, with `load` replaced; what is disposed of goes into `disposed`. */
function watchedBackend(
  disposed: string[],
  load: (executable: Executable) => Executable,
  name: BackendName = "reference",
  members: Partial<Device> = {},
): Backend {
  const backend = createReferenceBackend();
  return {
    name,
    probe: () => backend.probe(),
    open: async (options) => {
      const device = await backend.open(options);
      const watched: Partial<Device> = {
        ...members,
        backend: name,
        load: async (...args) => load(await device.load(...args)),
        [Symbol.asyncDispose]: async () => {
          disposed.push("device");
          await device[Symbol.asyncDispose]();
        },
      };
      // The reference device's own members stay reachable, with their `this`.
      return new Proxy(device, {
        get: (target, key) => {
          const value: unknown = Reflect.get(key in watched ? watched : target, key, target);
          return typeof value === "function" ? (value.bind(target) as unknown) : value;
        },
      });
    },
  };
}

async function load(backend: Backend) {
  await using checkpoint = await openCheckpoint(tinyModel(), { warn: () => undefined });
  return await loadEngine({ backends: [backend], checkpoint, engine: {}, warn: () => undefined });
}

test("an engine that cannot start leaves nothing open", async () => {
  const disposed: string[] = [];
  const backend = watchedBackend(disposed, (executable) => ({
    limits: { ...executable.limits, pageCounts: [0] }, // no scheduler can work with that
    byteLength: 0,
    step: (step) => executable.step(step),
    [Symbol.asyncDispose]: async () => {
      disposed.push("executable");
      await executable[Symbol.asyncDispose]();
    },
  }));
  await expect(load(backend)).rejects.toThrow(RequestError);
  expect(disposed).toEqual(["executable", "device"]);
});

test("a device without room for the step is closed", async () => {
  const disposed: string[] = [];
  const backend = watchedBackend(disposed, () => {
    throw new OutOfMemoryError("no room");
  });
  await expect(load(backend)).rejects.toThrow(OutOfMemoryError);
  expect(disposed).toEqual(["device"]);
});

test("where the choice is ours, a backend that lacks something makes way for the next, with a warning", async () => {
  const disposed: string[] = [];
  const lack = (): never => {
    throw new UnsupportedError("there is no such kernel");
  };
  const backends = [watchedBackend(disposed, lack, "cpu"), createReferenceBackend()];
  const warnings: string[] = [];
  const start = async (engine: EngineOptions) => {
    await using checkpoint = await openCheckpoint(tinyModel(), { warn: () => undefined });
    return await loadEngine({ backends, checkpoint, engine, warn: (message) => void warnings.push(message) });
  };
  await expect(start({ backend: "cpu" })).rejects.toThrow(UnsupportedError);
  expect(warnings).toEqual([]);
  await using engine = await start({});
  expect(engine.info.device.backend).toBe("reference");
  expect(warnings).toEqual([
    expect.stringContaining("cannot run this model, and the next one is tried: there is no such kernel"),
  ]);
  expect(disposed).toEqual(["device", "device"]);
});

test("a share of the device's memory goes to the caches, as far as weights and buffers leave it", async () => {
  const prepared: string[] = [];
  const start = async (totalBytes: number, engine: EngineOptions) => {
    const backend = watchedBackend([], (executable) => executable, "cpu", {
      memory: () => ({ totalBytes, freeBytes: totalBytes }),
    });
    const onProgress = ({ phase }: LoadProgress): void => void prepared.push(phase);
    await using checkpoint = await openCheckpoint(tinyModel(), { warn: () => undefined });
    return await loadEngine({ backends: [backend], checkpoint, engine, warn: () => undefined, onProgress });
  };
  const positions = async (totalBytes: number): Promise<number> => {
    await using engine = await start(totalBytes, { memoryShare: 0.5, maxSequences: 64, stepTokens: 64 });
    return engine.info.cachePositions;
  };
  const [some, more, all] = [await positions(2e7), await positions(4e7), await positions(2 ** 40)];
  expect(some).toBeGreaterThan(512);
  expect(more).toBeGreaterThan(some);
  expect(all).toBe(64 * 512);
  prepared.length = 0;
  await expect(start(1e5, { memoryShare: 0.5 })).rejects.toThrow(
    "give it more (memoryShare, --gpu-memory-utilization)",
  );
  expect(prepared).toEqual([]); // no weight was read
  await expect(start(1e5, { memoryShare: 0.5, cacheBytes: 1 })).rejects.toThrow("cacheBytes and memoryShare each say");
});
