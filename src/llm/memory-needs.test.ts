import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fixtures, sharedFixtures } from "../../test/support/fixtures.ts";
import { createCpuBackend } from "../backends/cpu/cpu-backend.node.ts";
import { createReferenceBackend } from "../backends/reference/reference-backend.ts";
import { openCheckpoint } from "../checkpoint/open-checkpoint.ts";
import type { Device } from "../device/backend.ts";
import { openFolder } from "../io/folder.node.ts";
import { loadExecutable } from "./load-executable.ts";
import { modelOf } from "./load-engine.ts";
import { memoryNeeds } from "./memory-needs.ts";
import { planSteps } from "./plan-steps.ts";

/** Models of one scheme each, with fused projections, act-order, a tied embedding, experts, windows; the last ones where they are. */
const names = [
  "arch/llama-tied",
  "arch/gpt-oss-mxfp4",
  "arch/qwen2-moe",
  "models/gptq-4b-g128-asym-actorder",
  "models/gptq-4b-g128-sym-lmhead",
  "models/exl2-4.25-h6",
  "models/fp8-block128",
  "arch/gemma3-text",
];

const present = names.flatMap((name) => {
  const path = [fixtures, sharedFixtures].map((root) => join(root ?? "", name)).find((found) => existsSync(found));
  return path === undefined ? [] : [[name, path] as const];
});

/** Which neighbours become one is in the data too, of which one module stands for all alike: permutations here, tables of NVFP4. */
const mostDifference = 0.005;

const backends = [createCpuBackend(), createReferenceBackend()];
const warn = (): undefined => undefined;

describe.each(backends)("$name", (backend) => {
  test.each(present)("%s takes what was planned", async (_, path) => {
    await using checkpoint = await openCheckpoint(await openFolder(path), { warn });
    const model = modelOf(checkpoint);
    const engine = { backend: backend.name, contextLength: 300, maxSequences: 3 } as const;
    const plan = planSteps(model, engine, warn);
    await using device = await backend.open();
    const needs = await memoryNeeds(checkpoint, model, device, plan);
    await using loaded = await loadExecutable({ backends: [backend], checkpoint, model, engine, plan, warn });
    const weightBytes = loaded.compiled.weights.reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(Math.abs(needs.weightBytes / weightBytes - 1)).toBeLessThan(mostDifference);
    const stepBytes = needs.cacheBytes + needs.scratchBytes;
    expect(Math.abs(stepBytes / loaded.executable.byteLength - 1)).toBeLessThan(mostDifference);
    expect(needs.totalBytes).toBe(needs.weightBytes + stepBytes);
    expect(needs.isEstimate).toBe(false);
  });
});

test("a device that cannot reserve is estimated from the file, near the truth", async () => {
  await using checkpoint = await openCheckpoint(await openFolder(join(fixtures, "models/gptq-4b-g128-sym-lmhead")), {
    warn,
  });
  const model = modelOf(checkpoint);
  const plan = planSteps(model, {}, warn);
  await using device = await backends[0].open();
  const exact = await memoryNeeds(checkpoint, model, device, plan);
  const without: Device = new Proxy(device, {
    get: (target, key) => {
      if (key === "reserve") return undefined;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
  const needs = await memoryNeeds(checkpoint, model, without, plan);
  expect(needs).toMatchObject({ isEstimate: true, cacheBytes: exact.cacheBytes });
  expect(needs.totalBytes / exact.totalBytes).toBeGreaterThan(0.5);
  expect(needs.totalBytes / exact.totalBytes).toBeLessThan(2);
});
