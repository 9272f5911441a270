import { expect, test } from "vitest";
import { tinyModel } from "../../test/support/tiny-model.ts";
import { createReferenceBackend } from "../backends/reference/reference-backend.ts";
import { openCheckpoint } from "../checkpoint/open-checkpoint.ts";
import type { Backend, Device, Executable } from "../device/backend.ts";
import { OutOfMemoryError, RequestError } from "../util/errors.ts";
import { loadEngine } from "./load-engine.ts";

/** The reference backend, with `load` replaced; what is disposed of goes into `disposed`. */
function watchedBackend(disposed: string[], load: (executable: Executable) => Executable): Backend {
  const backend = createReferenceBackend();
  return {
    name: backend.name,
    probe: () => backend.probe(),
    open: async (options) => {
      const device = await backend.open(options);
      const watched: Partial<Device> = {
        load: async (...args) => load(await device.load(...args)),
        [Symbol.asyncDispose]: async () => {
          disposed.push("device");
          await device[Symbol.asyncDispose]();
        },
      };
      // The reference device's own members stay reachable, with their `this`.
      return new Proxy(device, {
        get: (target, name) => {
          const value: unknown = Reflect.get(name in watched ? watched : target, name, target);
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
