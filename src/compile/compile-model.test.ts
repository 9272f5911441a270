import { expect, test } from "vitest";
import { compileModel } from "./compile-model.ts";
import { FakeDevice, FakeSource, tinyModel } from "./compile-test-kit.ts";

test("a compiled model has as much data as its program names, and disposes of it", async () => {
  const model = tinyModel("Qwen2ForCausalLM");
  const device = new FakeDevice();
  const compiled = await compileModel({ model, source: new FakeSource(model, { biases: ["_proj"] }), device });
  expect(compiled.model).toBe(model);
  expect(compiled.weights).toHaveLength(compiled.program.weights.length);
  expect(compiled.vectors.map(({ length }) => length)).toEqual(compiled.program.vectors.map(({ length }) => length));
  expect(device.live).toBe(compiled.weights.length);
  compiled[Symbol.dispose]();
  expect(device.live).toBe(0);
});

test("where no program can be made of the layers, nothing stays on the device", async () => {
  const model = tinyModel("LlamaForCausalLM");
  const source = new FakeSource(model);
  const layers = [...model.layers];
  // A layer that nobody planned to load: the same lists are read again for the program.
  const device = new FakeDevice(() => {
    layers.push({ kind: "norm", norm: { kind: "rms" as const, module: "unknown.norm", eps: 1e-5 } });
    return undefined;
  });
  await expect(compileModel({ model: { ...model, layers }, source, device })).rejects.toThrow("unknown.norm");
  expect(device.prepared.length).toBeGreaterThan(0);
  expect(device.live).toBe(0);
});
