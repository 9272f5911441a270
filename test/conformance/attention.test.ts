import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/backend.ts";
import { attentionCases, buildAttention, type AttentionCase } from "./attention-cases.ts";
import { availableHalves, availableImplementations, reference } from "./backends.ts";
import { evaluate } from "./evaluate.ts";
import { normalisedError } from "./normalised-error.ts";
import { f16CacheTolerance, f32Tolerance, halfTolerances, int8CacheTolerance } from "./tolerances.ts";

const expected = new Map<AttentionCase, Float32Array>();
beforeAll(async () => {
  await using device = await reference.open();
  for (const each of attentionCases) expected.set(each, await evaluate(device, buildAttention(each), each.schedule));
});

for (const implementation of (await availableImplementations()).slice(1))
  for (const [cacheType, { nmse }] of [
    ["f32", f32Tolerance],
    ["f16", f16CacheTolerance],
    ["int8", int8CacheTolerance],
  ] as const)
    // prettier-ignore
    describe.runIf(implementation.cacheTypes.includes(cacheType))(`rope-write and attention on ${implementation.label}, ${cacheType} cache`, () => {
      let device: Device;
      beforeAll(async () => (device = await implementation.open({ cacheType })));
      afterAll(() => device[Symbol.asyncDispose]());

      test.each(attentionCases)("$label", async (each) => {
        const found = await evaluate(device, buildAttention(each), each.schedule);
        expect(normalisedError(found, expected.get(each) ?? new Float32Array(0))).toBeLessThan(nmse);
      });
    });

for (const half of await availableHalves())
  describe(`rope-write and attention on ${half.label}`, () => {
    let device: Device;
    beforeAll(async () => (device = await half.open()));
    afterAll(() => device[Symbol.asyncDispose]());

    test.each(attentionCases)("$label", async (each) => {
      const found = await evaluate(device, buildAttention(each), each.schedule);
      expect(normalisedError(found, expected.get(each) ?? new Float32Array(0))).toBeLessThan(
        halfTolerances[half.dtype].nmse,
      );
    });
  });
