import { describe, expect, test } from "vitest";
import { badStepLimits, everyOp, goodStep } from "../../../test/conformance/bad-steps.ts";
import { randomDense, randomSparse24 } from "../../../test/conformance/random-weight.ts";
import { Random } from "../../../test/conformance/random.ts";
import type { Device, PreparedWeight } from "../../device/backend.ts";
import { RequestError } from "../../util/errors.ts";
import { summarize } from "../../weights/packed-weight.ts";
import { createCpuBackend } from "./cpu-backend.node.ts";
import { NativeSearch } from "./native-search.node.ts";

const backend = createCpuBackend();
const { available, detail } = await backend.probe();
if (!available) console.log(`skipped: cpu: ${detail}`);

const shape = { inFeatures: 256, outFeatures: 192 };
const dense = randomDense(new Random(1), shape, "f16");

describe.skipIf(!available)("the CPU's device", () => {
  test.each([4, 8] as const)("a %i-bit 2:4 weight takes the bytes of its file", async (bits) => {
    await using device = await backend.open({ threads: 2 });
    const weight = randomSparse24(new Random(2), { ...shape, bits, groupSize: 128 });
    using prepared = await device.prepare([weight]);
    const { codes, positions, scales } = weight;
    expect(prepared.byteLength).toBe(codes.byteLength + positions.byteLength + scales.byteLength);
  });

  const program = {
    buffers: [{ name: "x", rows: "tokens", width: shape.inFeatures }],
    weights: [{ parts: ["w"], ...shape, summaries: [summarize(dense)] }],
    vectors: [],
    ropes: [],
    pageKinds: [],
    caches: [],
    ops: [{ op: "embed", table: 0, out: { buffer: 0, offset: 0, width: shape.inFeatures } }],
    vocabSize: shape.outFeatures,
  } as const;
  const limits = { maxTokens: 1, maxSequences: 1, maxOutputs: 1, pageSize: 32, pageCounts: [] };
  const calls: readonly (readonly [string, (device: Device, weight: PreparedWeight) => Promise<unknown>])[] = [
    ["prepare", (device) => device.prepare([dense])],
    ["load", (device, weight) => device.load({ program, weights: [weight], vectors: [], limits })],
    ["measure", (device) => device.measure?.() ?? Promise.resolve()],
  ];
  test.each(calls)("once closed it refuses to %s", async (_, call) => {
    const device = await backend.open({ threads: 2 });
    using weight = await device.prepare([dense]);
    await device[Symbol.asyncDispose]();
    await expect(call(device, weight)).rejects.toThrow(RequestError);
    await expect(call(device, weight)).rejects.toThrow("was closed");
    await device[Symbol.asyncDispose]();
  });

  test("closing it waits for what runs, and ends its executables", async () => {
    const device = await backend.open({ threads: 2 });
    const loaded = await everyOp().load(device, badStepLimits);
    const { executable } = loaded;
    const step = executable.step(goodStep(device.pageSize));
    const prepared = device.prepare([randomSparse24(new Random(3), { inFeatures: 4096, outFeatures: 4096, bits: 4, groupSize: 128 })]); // prettier-ignore
    const disposed = executable[Symbol.asyncDispose]();
    await device[Symbol.asyncDispose]();
    expect((await step).samples).toHaveLength(3);
    await expect(executable.step(goodStep(device.pageSize))).rejects.toThrow(RequestError);
    await disposed;
    (await prepared)[Symbol.dispose]();
    await loaded[Symbol.asyncDispose]();
  });

  test("a search that was closed refuses to search", async () => {
    const search = NativeSearch.open(2);
    const groups = {
      values: new Float32Array(32),
      size: 32,
      levels: { lowest: -8, count: 16 },
      scales: new Float64Array(16),
    };
    const running = search.measure(groups, new Float64Array(16));
    search[Symbol.dispose]();
    await running;
    await expect(search.measure(groups, new Float64Array(16))).rejects.toThrow("was closed");
  });
});
