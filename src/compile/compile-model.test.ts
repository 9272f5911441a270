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
