import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createCudaBackend } from "../../src/backends/cuda/cuda-backend.node.ts";
import type { Device } from "../../src/device/backend.ts";
import { OutOfMemoryError } from "../../src/util/errors.ts";
import type { PackedWeight } from "../../src/weights/packed-weight.ts";
import { reference } from "../conformance/backends.ts";
import { attentionCases, buildAttention } from "../conformance/attention-cases.ts";
import { badStepLimits, everyOp, goodStep } from "../conformance/bad-steps.ts";
import { evaluate, type Build } from "../conformance/evaluate.ts";
import { normalisedError } from "../conformance/normalised-error.ts";
import { randomBlocks } from "../conformance/random-blocks.ts";
import { randomCodebook, randomFloat8 } from "../conformance/random-coded.ts";
import { randomAffine, randomDense, randomSparse24 } from "../conformance/random-weight.ts";
import { Random } from "../conformance/random.ts";
import { halfTolerances } from "../conformance/tolerances.ts";
import { useEmulatedDevice } from "./build-emulator.ts";

// The CUDA backend and its kernels where there is no GPU: one case of everything. With one, test/conformance runs all of them there.

const whyNot = useEmulatedDevice();
if (whyNot !== undefined) console.log(`skipped: the emulated CUDA device: ${whyNot}`);
else afterAll(() => rmSync(process.env.FEWBIT_CUDA_DRIVER ?? "", { force: true }));

describe.skipIf(whyNot !== undefined)("an emulated CUDA device", () => {
  const backend = createCudaBackend();
  let exact: Device;
  let oracle: Device;
  beforeAll(async () => {
    exact = await backend.open({ dtype: "f32" });
    oracle = await reference.open();
  });
  afterAll(async () => {
    await exact[Symbol.asyncDispose]();
    await oracle[Symbol.asyncDispose]();
  });

  async function expectAlike(device: Device, build: Build, rows: number, nmse: number): Promise<void> {
    const schedule = { lengths: [rows] };
    const error = normalisedError(await evaluate(device, build, schedule), await evaluate(oracle, build, schedule));
    expect(error).toBeLessThan(nmse);
  }

  test("is found", async () => {
    expect(await backend.probe()).toMatchObject({ available: true, detail: "emulated device, compute capability 8.0" });
  });

  test("runs a program with every op, and gives what the reference gives", async () => {
    await using onCuda = await everyOp().load(exact, badStepLimits);
    await using onReference = await everyOp().load(oracle, badStepLimits);
    for (let repeat = 0; repeat < 2; repeat++) {
      const found = await onCuda.executable.step(goodStep(exact.pageSize));
      const wanted = await onReference.executable.step(goodStep(oracle.pageSize));
      expect(found.samples).toEqual(wanted.samples);
    }
  });

  test("takes one step more while one runs, whose tokens nobody has seen yet", async () => {
    await using ahead = await everyOp().load(exact, badStepLimits);
    await using oneByOne = await everyOp().load(exact, badStepLimits);
    const first = goodStep(exact.pageSize);
    const second = { ...first, tokens: first.tokens.with(0, ~2).with(3, ~0) };
    const running = [first, second].map((step) => ahead.executable.step(step));
    await expect(ahead.executable.step(first)).rejects.toThrow(/2 steps .* still running/);
    for (const [i, step] of [first, second].entries())
      expect(await running[i]).toEqual(await oneByOne.executable.step(step));
    expect(await ahead.executable.step(first)).toMatchObject({ samples: (await running[0])?.samples });
  });

  const random = new Random(3);
  const shape = { inFeatures: 256, outFeatures: 64 };
  const weights: Readonly<Record<string, PackedWeight>> = {
    dense: randomDense(random, shape, "bf16"),
    "affine-zero": randomAffine(random, { ...shape, bits: 4, groupSize: 64, zeros: "lsb-n", reordered: true }),
    block: randomBlocks(random, "Q4_K", shape),
    "sparse-24": randomSparse24(random, { ...shape, bits: 4, groupSize: 128 }),
    float8: randomFloat8(random, { ...shape, type: "e4m3fn", scaleRows: 32, groupSize: 128 }),
    codebook: randomCodebook(random, { ...shape, name: "nf4", groupSize: 64 }),
  };
  const x = random.normals(11 * 256);
  const product = (weight: PackedWeight): Build => {
    return (program) => {
      const out = program.buffer(64);
      program.op({ op: "linear", input: program.input(x, 256), weight: program.weight(weight), out });
      return out;
    };
  };

  test.each(Object.entries(weights))("a linear of %s", (_, weight) => expectAlike(exact, product(weight), 11, 1e-11));

  const halves = (["f16", "bf16"] as const).flatMap((dtype) =>
    // Around the numbers of rows that kernels are compiled for, and beyond the last.
    [1, 2, 8, 9, 16, 31, 64, 65, 130].map((rows) => ({ dtype, rows })),
  );
  test.each(halves)("a dense linear of $rows rows in $dtype", async ({ dtype, rows }) => {
    await using device = await backend.open({ dtype });
    const wide = { inFeatures: 200, outFeatures: 300 };
    const inputs = random.normals(rows * wide.inFeatures);
    const residual = random.normals(rows * wide.outFeatures);
    const bias = random.normals(wide.outFeatures);
    const weight = randomDense(random, wide, dtype);
    const build: Build = (program) => {
      const out = program.buffer(wide.outFeatures);
      program.op({
        op: "linear",
        input: program.input(inputs, wide.inFeatures),
        weight: program.weight(weight),
        bias: program.vector(bias),
        scale: 0.5,
        residual: program.input(residual, wide.outFeatures),
        out,
      });
      return out;
    };
    await expectAlike(device, build, rows, halfTolerances[dtype].nmse);
  });

  const labels = [
    "100 positions",
    "16 heads on 1 of 16",
    "14 heads on 2 of 128",
    "70 and 9 positions in heads of 128",
    "70 and 9 positions in heads of 256",
    "heads of 96",
    "a window of 33",
    "a window of 128 on a long context",
    "scores capped at 0.5",
    "sinks beside a window",
    "eight sequences of different lengths",
  ];
  test.each(["f16", "bf16"] as const)("attention in %s, by tensor cores and split along the context", async (dtype) => {
    await using device = await backend.open({ dtype });
    const chosen = attentionCases.filter(({ label }) => labels.includes(label));
    expect(chosen.map(({ label }) => label).toSorted()).toEqual(labels.toSorted());
    for (const each of chosen) {
      const [found, wanted] = [device, oracle].map((on) => evaluate(on, buildAttention(each), each.schedule));
      expect(normalisedError(await found, await wanted), each.label).toBeLessThan(halfTolerances[dtype].nmse);
    }
  });

  test("memory that is not there is an error after which all goes on", async () => {
    const tooMany = { ...badStepLimits, maxTokens: 60_000, maxOutputs: 60_000 };
    const program = everyOp();
    const huge = { ...tooMany, pageCounts: tooMany.pageCounts.map(() => 2 ** 24) };
    await expect(program.load(exact, huge)).rejects.toThrow(OutOfMemoryError);
    await expectAlike(exact, product(weights.dense), 2, 1e-11);
  });
});
