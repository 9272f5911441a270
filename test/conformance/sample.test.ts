import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/backend.ts";
import type { StepResult } from "../../src/device/step.ts";
import { bytesOf } from "../../src/util/bytes.ts";
import { availableImplementations, reference } from "./backends.ts";
import { ProgramBuilder, type LoadedProgram } from "./program-builder.ts";
import { Random } from "./random.ts";
import { samplingStep, type SamplingRow } from "./sampling-step.ts";

/** Kinds of logits: token `i` of a step gets column `i` of the head, and with that the i-th of these. */
const shapes: readonly ((random: Random) => number)[] = [
  (random) => random.normal(),
  (random) => random.normal() * 4,
  (random) => Math.round(random.normal() * 4) / 4, // many ties
  (random) => Math.round(random.normal()) + 20,
  () => 1.5, // nothing but ties
  (random) => -(random.uniform() ** -0.3), // one steep side
  (random) => random.normal() * 40,
  (random) => (random.uniform() < 0.01 ? 10 : -10) + random.normal(),
];

/**
 * A head whose logits are the same bits on every device: every sum has one product that is not 0. So what is drawn may be compared
 * exactly, and not only in distribution.
 */
async function loadHead(device: Device, vocabSize: number, rows: number): Promise<LoadedProgram> {
  const random = new Random(vocabSize);
  const width = shapes.length;
  const values = Float32Array.from({ length: vocabSize * width }, (_, i) => shapes[i % width](random));
  const program = new ProgramBuilder(vocabSize);
  const ids = Math.min(width, vocabSize);
  const oneHot = Float32Array.from({ length: ids * width }, (_, i) => (i % (width + 1) === 0 ? 1 : 0));
  const hidden = program.input(oneHot, width);
  const wanted = program.buffer(width, "outputs");
  const logits = program.buffer(vocabSize, "outputs");
  const head = {
    scheme: "dense",
    type: "f32",
    inFeatures: width,
    outFeatures: vocabSize,
    values: bytesOf(values),
  } as const;
  program.op({ op: "gather", input: hidden, out: wanted });
  program.op({ op: "linear", input: wanted, weight: program.weight(head), out: logits });
  program.op({ op: "sample", logits });
  return program.load(device, { maxTokens: rows, maxSequences: rows, maxOutputs: rows, pageCounts: [] });
}

interface SampleCase {
  readonly label: string;
  readonly vocabSize: number;
  readonly rows: readonly SamplingRow[];
  readonly topLogprobs?: number;
}

const off: SamplingRow = {};
const seeds = (count: number, row: SamplingRow): SamplingRow[] =>
  Array.from({ length: count }, (_, i) => ({ ...row, seed: 1000 * i + 7 }));

const oneSampler: readonly (readonly [string, SamplingRow])[] = [
  ["nothing but the softmax", off],
  ["temperature 0", { temperature: 0 }],
  ["temperature 0.3", { temperature: 0.3 }],
  ["temperature 2", { temperature: 2 }],
  ["a temperature of 1e-6", { temperature: 1e-6 }],
  ["top-k 1", { topK: 1 }],
  ["top-k 5", { topK: 5 }],
  ["top-k 40", { topK: 40 }],
  ["top-k of all", { topK: 2 ** 31 - 1 }],
  ["top-p 0", { topP: 0 }],
  ["top-p 0.5", { topP: 0.5 }],
  ["top-p 0.95", { topP: 0.95 }],
  ["min-p 0.05", { minP: 0.05 }],
  ["min-p 1", { minP: 1 }],
  ["typical-p 0.3", { typicalP: 0.3 }],
  ["typical-p 0.95", { typicalP: 0.95 }],
  ["the chat default", { temperature: 0.7, topK: 20, topP: 0.8, repetitionPenalty: 1.05 }],
  ["all of them", { temperature: 1.2, topK: 60, topP: 0.95, minP: 0.01, typicalP: 0.9, logitBias: [[3, 2], [9, -100]] }], // prettier-ignore
];

/** Rows that have nothing in common, as one step of many requests has them. */
function mixedRows(count: number, vocabSize: number): SamplingRow[] {
  const random = new Random(count + vocabSize);
  const maybe = <T>(value: T, offValue: T): T => (random.uniform() < 0.4 ? value : offValue);
  const ids = (length: number): number[] => Array.from({ length }, () => random.below(vocabSize));
  return Array.from({ length: count }, () => ({
    temperature: maybe(0, 0.2 + 2 * random.uniform()),
    topK: maybe(1 + random.below(50), 0),
    topP: maybe(random.uniform(), 1),
    minP: maybe(random.uniform() / 10, 0),
    typicalP: maybe(0.2 + 0.7 * random.uniform(), 1),
    repetitionPenalty: maybe(0.8 + random.uniform(), 1),
    presencePenalty: maybe(2 * random.normal(), 0),
    frequencyPenalty: maybe(random.normal(), 0),
    seed: random.word() * 2 ** 21 + random.below(2 ** 21),
    logitBias: ids(random.below(4)).map((id) => [id, 5 * random.normal()] as const),
    promptIds: ids(random.below(30)),
    outputIds: maybe([...ids(10), ...ids(2).flatMap((id) => [id, id, id])], []),
    ...maybe({ allowedIds: ids(1 + random.below(20)) }, {}),
  }));
}

const cases: readonly SampleCase[] = [
  ...oneSampler.map(([label, row]) => ({ label, vocabSize: 1000, rows: seeds(64, row) })),
  ...[1, 2, 31, 32, 33, 257].map((vocabSize) => ({
    label: `a vocabulary of ${vocabSize}`,
    vocabSize,
    rows: mixedRows(64, vocabSize),
    topLogprobs: Math.min(vocabSize, 20),
  })),
  ...[1, 3, 200].map((count) => ({ label: `${count} rows of their own`, vocabSize: 5000, rows: mixedRows(count, 5000), topLogprobs: 5 })), // prettier-ignore
  { label: "a vocabulary of 151,936", vocabSize: 151_936, rows: mixedRows(16, 151_936), topLogprobs: 20 },
  {
    label: "a vocabulary of 151,936, one sampler each",
    vocabSize: 151_936,
    rows: oneSampler.map(([, row], i) => ({ ...row, seed: i })),
  },
];

async function drawAll(device: Device, { vocabSize, rows, topLogprobs = 0 }: SampleCase): Promise<StepResult> {
  await using loaded = await loadHead(device, vocabSize, rows.length);
  return loaded.executable.step({
    tokens: Int32Array.from(rows, (_, r) => r % Math.min(shapes.length, vocabSize)),
    positions: Int32Array.from(rows, (_, r) => 31 * r),
    sequenceStarts: Int32Array.from([0, ...rows], (_, r) => r),
    slots: Int32Array.from(rows, (_, r) => r),
    ropeVariants: new Int32Array(rows.length),
    pageTables: [],
    outputs: Int32Array.from(rows, (_, r) => r),
    sampling: samplingStep(rows, vocabSize, topLogprobs),
  });
}

const expected = new Map<SampleCase, StepResult>();
beforeAll(async () => {
  await using device = await reference.open();
  for (const each of cases) expected.set(each, await drawAll(device, each));
});

function expectClose(found: Float32Array, wanted: Float32Array): void {
  expect(found).toHaveLength(wanted.length);
  found.forEach((value, i) =>
    expect(Math.abs(value - wanted[i])).toBeLessThan(1e-5 * Math.max(1, Math.abs(wanted[i]))),
  );
}

for (const implementation of await availableImplementations())
  describe(`sample on ${implementation.label}`, () => {
    let device: Device;
    beforeAll(async () => (device = await implementation.open()));
    afterAll(() => device[Symbol.asyncDispose]());

    if (implementation !== reference)
      test.each(cases)("$label", async (each) => {
        const found = await drawAll(device, each);
        const wanted = expected.get(each);
        expect(found.samples).toEqual(wanted?.samples);
        expect(found.topIds).toEqual(wanted?.topIds);
        expectClose(found.logprobs, wanted?.logprobs ?? new Float32Array(0));
        expectClose(found.topLogprobs, wanted?.topLogprobs ?? new Float32Array(0));
      });

    test("a row that has no softmax draws -1, its neighbours are not touched, and its slot stays in range", async () => {
      const vocabSize = 5;
      const rows = [
        [1, 2, 3, 4, 5],
        [1, NaN, 3, 4, 5],
        [9, 1, 2, 3, 4],
        [-Infinity, -Infinity, -Infinity, -Infinity, -Infinity],
        [1, 2, Infinity, 4, 5],
      ];
      const program = new ProgramBuilder(vocabSize);
      program.report(program.input(Float32Array.from(rows.flat()), vocabSize));
      await using loaded = await program.load(device, { maxTokens: 5, maxSequences: 5, maxOutputs: 5, pageCounts: [] });
      const step = (tokens: Int32Array): Promise<StepResult> =>
        loaded.executable.step({
          tokens,
          positions: new Int32Array(5),
          sequenceStarts: Int32Array.of(0, 1, 2, 3, 4, 5),
          slots: Int32Array.of(4, 3, 2, 1, 0),
          ropeVariants: new Int32Array(5),
          pageTables: [],
          outputs: Int32Array.of(0, 1, 2, 3, 4),
          sampling: samplingStep([{ temperature: 0 }, off, { temperature: 0 }, off, off], vocabSize, 1),
          wantsLogits: true,
        });
      const { samples, logprobs, topIds, topLogprobs } = await step(Int32Array.of(0, 1, 2, 3, 4));
      expect([...samples]).toEqual([4, -1, 0, -1, -1]);
      expect([...topIds]).toEqual([4, -1, 0, -1, -1]);
      expect([...logprobs].map(Number.isNaN)).toEqual([false, true, false, true, true]);
      expect([...topLogprobs].map(Number.isNaN)).toEqual([false, true, false, true, true]);

      const { logits } = await step(Int32Array.of(~4, ~3, ~2, ~1, ~0));
      expect([...(logits ?? [])]).toEqual([...rows[4], ...rows[0], ...rows[0], ...rows[0], ...rows[0]]);
    });

    test("a slot remembers the last sample of its sequence, over steps that draw none", async () => {
      const vocabSize = 4;
      const program = new ProgramBuilder(vocabSize);
      // The best logit of row i is i + 1 modulo 4.
      program.report(program.input(Float32Array.of(0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0), vocabSize));
      await using loaded = await program.load(device, { maxTokens: 4, maxSequences: 3, maxOutputs: 3, pageCounts: [] });
      const step = (tokens: number[], starts: number[], slots: number[], outputs: number[]): Promise<StepResult> =>
        loaded.executable.step({
          tokens: Int32Array.from(tokens),
          positions: Int32Array.from(tokens, (_, t) => t - Math.max(...starts.filter((start) => start <= t))),
          sequenceStarts: Int32Array.from(starts),
          slots: Int32Array.from(slots),
          ropeVariants: new Int32Array(slots.length),
          pageTables: [],
          outputs: Int32Array.from(outputs),
          sampling: samplingStep(new Array<SamplingRow>(outputs.length).fill({ temperature: 0 }), vocabSize),
        });
      expect([...(await step([0, 1, 2, 3], [0, 2, 4], [2, 0], [0, 1, 3])).samples]).toEqual([1, 2, 0]);
      expect([...(await step([3, 3], [0, 1, 2], [0, 2], [])).samples]).toEqual([]);
      expect([...(await step([~2, ~0], [0, 1, 2], [1, 2], [0, 1])).samples]).toEqual([3, 1]);
      expect([...(await step([~2, ~1], [0, 1, 2], [1, 2], [0, 1])).samples]).toEqual([2, 0]);
    });
  });
