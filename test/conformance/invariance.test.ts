import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CacheType, Device } from "../../src/device/backend.ts";
import { availableImplementations, type Implementation } from "./backends.ts";
import { evaluate, type Build, type Schedule } from "./evaluate.ts";
import { randomAffine, randomDense } from "./random-weight.ts";
import { Random } from "./random.ts";

// In f32, what a row comes to may not depend on what else is in the step, to the last bit: a request's greedy text is its own,
// whoever else is being served. So nothing here is compared with the oracle, and nothing has a tolerance.

const lengths = [130, 1, 20, 9];
const rows = lengths.reduce((sum, length) => sum + length, 0);
const hiddenSize = 96;
const headDim = 32;

/** A decoder block, by every op: two kinds of weights, act-order, a full and a windowed cache. */
function block(): Build {
  const random = new Random(17);
  const x = random.normals(rows * hiddenSize);
  const norm = random.normals(hiddenSize);
  const affine = { bits: 4, groupSize: 32, zeros: "lsb-n" } as const;
  const layers = [undefined, 20].map((window) => ({
    window,
    qkv: randomAffine(random, { ...affine, inFeatures: hiddenSize, outFeatures: 5 * headDim, reordered: true }),
    output: randomDense(random, { inFeatures: 3 * headDim, outFeatures: hiddenSize }, "f16"),
    gateUp: randomAffine(random, { bits: 8, groupSize: 64, inFeatures: hiddenSize, outFeatures: 2 * 208 }),
    down: randomAffine(random, { ...affine, inFeatures: 208, outFeatures: hiddenSize }),
  }));
  const inverseFrequencies = Float32Array.from({ length: headDim / 2 }, (_, i) => 100 ** ((-2 * i) / headDim));
  return (program) => {
    const hidden = program.input(x, hiddenSize);
    const normed = program.buffer(hiddenSize);
    const qkv = program.buffer(5 * headDim);
    const attended = program.buffer(3 * headDim);
    const gated = program.buffer(208);
    const weight = program.vector(norm);
    const rope = program.rope({ rotaryDim: headDim, variants: [{ inverseFrequencies, scale: 1 }] });
    for (const { window, ...layer } of layers) {
      const cache = program.cache({ kvHeads: 1, headDim }, window === undefined ? {} : { window });
      const q = { ...qkv, width: 3 * headDim };
      const k = { ...qkv, offset: qkv.offset + 3 * headDim, width: headDim };
      const v = { ...qkv, offset: qkv.offset + 4 * headDim, width: headDim };
      program.op({ op: "rms-norm", input: hidden, weight, groupWidth: hiddenSize, eps: 1e-5, out: normed });
      program.op({ op: "linear", input: normed, weight: program.weight(layer.qkv), out: qkv });
      program.op({ op: "rope-write", q, k, v, rope, cache });
      program.op({ op: "attention", q, cache, scale: headDim ** -0.5, out: attended });
      program.op({
        op: "linear",
        input: attended,
        weight: program.weight(layer.output),
        residual: hidden,
        out: hidden,
      });
      program.op({ op: "rms-norm", input: hidden, weight, groupWidth: hiddenSize, eps: 1e-5, out: normed });
      program.op({ op: "linear", input: normed, weight: program.weight(layer.gateUp), glu: "silu", out: gated });
      program.op({ op: "linear", input: gated, weight: program.weight(layer.down), residual: hidden, out: hidden });
    }
    return hidden;
  };
}

/** Each sequence by itself, its tokens one by one: the fewest rows that a step can have. */
const alone: Schedule = {
  lengths,
  steps: lengths.flatMap((length, sequence) => Array.from({ length }, () => [{ sequence, count: 1 }])),
};

/** Random chunks of random sequences, until all are done. */
function randomSchedule(seed: number): Schedule {
  const random = new Random(seed);
  const left = [...lengths];
  const steps: { sequence: number; count: number }[][] = [];
  while (left.some((length) => length > 0)) {
    const waiting = [...random.permutation(lengths.length)].filter((sequence) => left[sequence] > 0);
    const chosen = waiting.slice(0, 1 + random.below(waiting.length));
    steps.push(chosen.map((sequence) => ({ sequence, count: 1 + random.below(Math.min(left[sequence], 40)) })));
    for (const { sequence, count } of steps[steps.length - 1]) left[sequence] -= count;
  }
  return { lengths, steps, pageSeed: seed };
}

const schedules: readonly (readonly [what: string, schedule: Schedule])[] = [
  ["all sequences in one step", { lengths }],
  ["other pages", { lengths, pageSeed: 77 }],
  ["whole sequences one after the other", { lengths, steps: lengths.map((count, sequence) => [{ sequence, count }]) }],
  ...[1, 2, 3, 4, 5].map((seed) => [`random chunks in random company ${seed}`, randomSchedule(seed)] as const),
];

/** Bits, since NaN and -0 count too. */
const bitsOf = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer);

async function runOn(
  implementation: Implementation,
  { threads, cacheType }: { readonly threads: number; readonly cacheType?: CacheType },
  schedule: Schedule,
): Promise<Uint32Array> {
  await using device = await implementation.open({ threads, ...(cacheType && { cacheType }) });
  return bitsOf(await evaluate(device, block(), schedule));
}

for (const implementation of await availableImplementations())
  // Activations in 8 bit are scaled by the row, and hold to the same.
  describe(`a row by itself on ${implementation.label}`, () => {
    let device: Device;
    let expected: Uint32Array;
    beforeAll(async () => {
      device = await implementation.open({ threads: 2 });
      expected = bitsOf(await evaluate(device, block(), alone));
    });
    afterAll(() => device[Symbol.asyncDispose]());

    test("is a row of numbers", () => {
      const values = new Float32Array(expected.buffer);
      expect(values.every((value) => Number.isFinite(value))).toBe(true);
      expect(new Set(values).size).toBeGreaterThan(values.length * 0.9);
    });

    test.each(schedules)("is the same with %s", async (_, schedule) => {
      expect(bitsOf(await evaluate(device, block(), schedule))).toEqual(expected);
    });

    test.each([1, 2, 3])("is the same with %i threads", async (threads) => {
      expect(await runOn(implementation, { threads }, randomSchedule(6))).toEqual(expected);
    });

    test.each(implementation.cacheTypes.filter((type) => type !== "f32"))(
      "is the same in any company with a cache of %s",
      async (cacheType) => {
        const inTurn = await runOn(implementation, { threads: 1, cacheType }, alone);
        expect(inTurn).not.toEqual(expected);
        expect(await runOn(implementation, { threads: 3, cacheType }, randomSchedule(7))).toEqual(inTurn);
        expect(await runOn(implementation, { threads: 2, cacheType }, { lengths })).toEqual(inTurn);
      },
    );
  });
