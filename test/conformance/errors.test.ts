import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/backend.ts";
import { FormatError, RequestError } from "../../src/util/errors.ts";
import { availableImplementations, reference } from "./backends.ts";
import { badStepLimits, badSteps, everyOp, goodStep } from "./bad-steps.ts";
import { summarize } from "../../src/weights/packed-weight.ts";
import type { LoadedProgram } from "./program-builder.ts";
import { randomDense, randomSparse24 } from "./random-weight.ts";
import { Random } from "./random.ts";

for (const implementation of await availableImplementations())
  describe(`errors on ${implementation.label}`, () => {
    let device: Device;
    let loaded: LoadedProgram;
    beforeAll(async () => {
      device = await implementation.open();
      loaded = await everyOp().load(device, badStepLimits);
    });
    afterAll(async () => {
      await loaded[Symbol.asyncDispose]();
      await device[Symbol.asyncDispose]();
    });

    test.each(badSteps)("a step with %s is refused, and the next one runs", async (_, refusal, change) => {
      const good = goodStep(device.pageSize);
      const refused = loaded.executable.step({ ...good, ...change(good, device.pageSize) });
      await expect(refused).rejects.toThrow(RequestError);
      await expect(refused).rejects.toThrow(refusal);
      const { samples } = await loaded.executable.step(good);
      expect(samples).toHaveLength(3);
      expect(samples.every((id) => id >= 0 && id < 100)).toBe(true);
      expect(samples[2]).toBe(98); // all that its mask allows
    });

    test("2:4 positions that are no two in order are refused wherever they lie, by the part's name", async () => {
      const shape = { inFeatures: 96, outFeatures: 192, bits: 4, groupSize: 96 } as const;
      const weight = randomSparse24(new Random(1), shape);
      for (const [at, shift, nibble] of [
        [0, 0, 6],
        [1001, 4, 15],
        [weight.positions.length - 1, 4, 0],
      ] as const) {
        const positions = weight.positions.slice();
        positions[at] = (positions[at] & (0xf0 >> shift)) | (nibble << shift);
        const message = `"q": positions hold ${nibble}, which names no two of four inputs in order`;
        const prepared = device.prepare([weight, { ...weight, positions }], "linear", ['"p"', '"q"']);
        await expect(prepared).rejects.toThrow(FormatError);
        await expect(prepared).rejects.toThrow(message);
      }
    });

    test("a weight of another device, or of another shape, is refused", async () => {
      await using other = await reference.open();
      const dense = (outFeatures: number): ReturnType<typeof randomDense> =>
        randomDense(new Random(1), { inFeatures: 4, outFeatures }, "f32");
      const program = {
        buffers: [{ name: "x", rows: "tokens", width: 4 }],
        weights: [{ parts: ["w"], inFeatures: 4, outFeatures: 4, summaries: [summarize(dense(4))] }],
        vectors: [],
        ropes: [],
        pageKinds: [],
        caches: [],
        ops: [{ op: "embed", table: 0, out: { buffer: 0, offset: 0, width: 4 } }],
        vocabSize: 4,
      } as const;
      const limits = { maxTokens: 1, maxSequences: 1, maxOutputs: 1, pageSize: device.pageSize, pageCounts: [] };
      for (const weight of [await other.prepare([dense(4)]), await device.prepare([dense(5)])]) {
        await expect(device.load({ program, weights: [weight], vectors: [], limits })).rejects.toThrow(RequestError);
        weight[Symbol.dispose]();
      }
    });
  });
