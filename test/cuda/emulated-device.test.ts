import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createCudaBackend } from "../../src/backends/cuda/cuda-backend.node.ts";
import type { Device } from "../../src/device/backend.ts";
import { OutOfMemoryError } from "../../src/util/errors.ts";
import type { PackedWeight } from "../../src/weights/packed-weight.ts";
import { reference } from "../conformance/backends.ts";
import { badStepLimits, everyOp, goodStep } from "../conformance/bad-steps.ts";
import { evaluate, type Build } from "../conformance/evaluate.ts";
import { normalisedError } from "../conformance/normalised-error.ts";
import { randomBlocks } from "../conformance/random-blocks.ts";
import { randomCodebook, randomFloat8 } from "../conformance/random-coded.ts";
import { randomAffine, randomDense, randomSparse24 } from "../conformance/random-weight.ts";
import { Random } from "../conformance/random.ts";
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

  test("the kernels of halves: a head, norms, attention split along the context", async () => {
    await using half = await backend.open({ dtype: "f16" });
    const [q, k, v] = [256, 128, 128].map((width) => random.normals(70 * width));
    const attend: Build = (program) => {
      const out = program.buffer(256);
      const inputs = { q: program.input(q, 256), k: program.input(k, 128), v: program.input(v, 128) };
      const cache = program.cache({ kvHeads: 2, headDim: 64 });
      program.op({ op: "rope-write", ...inputs, cache });
      program.op({ op: "attention", q: inputs.q, cache, scale: 0.125, out });
      return out;
    };
    await expectAlike(half, attend, 70, 1e-5);
    await expectAlike(half, product(weights.dense), 11, 1e-5);
  });

  test("memory that is not there is an error after which all goes on", async () => {
    const tooMany = { ...badStepLimits, maxTokens: 60_000, maxOutputs: 60_000 };
    const program = everyOp();
    const huge = { ...tooMany, pageCounts: tooMany.pageCounts.map(() => 2 ** 24) };
    await expect(program.load(exact, huge)).rejects.toThrow(OutOfMemoryError);
    await expectAlike(exact, product(weights.dense), 2, 1e-11);
  });
});
