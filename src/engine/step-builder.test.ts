import { expect, test } from "vitest";
import { greedySampling } from "../device/sampling.ts";
import { request } from "./engine-test-kit.ts";
import { Scheduler } from "./scheduler.ts";
import { StepBuilder } from "./step-builder.ts";

const limits = { maxTokens: 16, maxSequences: 4, maxOutputs: 8, pageSize: 4, pageCounts: [64, 64] };

function setup() {
  const scheduler = new Scheduler({
    limits,
    pageKinds: [{}, { window: 4 }],
    contextLength: 200,
    ropeSwitchLength: 11,
    prefixReuse: false,
  });
  const builder = new StepBuilder(limits, 50);
  return {
    scheduler,
    next: () => {
      const batch = scheduler.nextBatch()!;
      return { batch, step: builder.build(batch) };
    },
  };
}

test("a mixed step holds every sequence's tokens, positions, pages and variant", () => {
  const { scheduler, next } = setup();
  scheduler.add(request({ promptIds: [1, 2, 3, 4, 5, 6, 7, 8] }));
  const first = next();
  scheduler.complete(first.batch.chunks[0]);
  first.batch.chunks[0].sequence.accept(42);
  scheduler.add(request({ promptLength: 12 }));
  const { step } = next();
  expect([...step.tokens].slice(0, 4)).toEqual([42, 3, 10, 17]);
  expect([...step.positions]).toEqual([8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  expect([...step.sequenceStarts]).toEqual([0, 1, 13]);
  expect([...step.slots]).toEqual([0, 1]);
  expect([...step.ropeVariants]).toEqual([0, 1]);
  expect([...step.outputs]).toEqual([0, 12]);
  expect(step.wantsLogits).toBeUndefined();
  expect(step.pageTables.map(({ stride }) => stride)).toEqual([3, 3]);
  expect([...step.pageTables[0].pages]).toEqual([0, 1, 2, 3, 4, 5]);
  // The token at 8 sees 5 … 8 in the windowed kind: its page 0 was given back, and is the next to be taken.
  expect([...step.pageTables[1].pages]).toEqual([-1, 1, 0, 2, 3, 4]);
});

test("rows of different lengths are padded with -1", () => {
  const { scheduler, next } = setup();
  scheduler.add(request({ promptLength: 10 }));
  scheduler.add(request({ promptLength: 2 }));
  const { step } = next();
  expect([...step.pageTables[0].pages]).toEqual([0, 1, 2, 3, -1, -1]);
});

test("sampling arrays have one row for every output", () => {
  const { scheduler, next } = setup();
  const sampling = {
    temperature: 0.5,
    topK: 3,
    topP: 0.25,
    minP: 0.125,
    typicalP: 0.75,
    repetitionPenalty: 1.5,
    presencePenalty: 0.5,
    frequencyPenalty: 0.25,
    seed: -1,
    logitBias: [[4, 2.5], [9, -1]], // prettier-ignore
  } as const;
  scheduler.add(request({ promptIds: [7, 8, 7], sampling, topLogprobs: 2 }));
  scheduler.add(request({ promptIds: [1, 2], sampling: { ...greedySampling, seed: 2 ** 40 + 5 }, topLogprobs: 3 }));
  const { step } = next();
  expect([...step.outputs]).toEqual([2, 4]);
  const arrays = Object.entries(step.sampling!).map(([name, values]) => [
    name,
    typeof values === "number" ? values : [...(values as Float32Array)],
  ]);
  expect(Object.fromEntries(arrays)).toEqual({
    temperature: [0.5, 0],
    topK: [3, 0],
    topP: [0.25, 1],
    minP: [0.125, 0],
    typicalP: [0.75, 1],
    repetitionPenalty: [1.5, 1],
    presencePenalty: [0.5, 0],
    frequencyPenalty: [0.25, 0],
    seedLow: [0xffffffff, 5],
    seedHigh: [0xffffffff, 256],
    biasStarts: [0, 2, 2],
    biasIds: [4, 9],
    biasValues: [2.5, -1],
    countStarts: [0, 2, 2],
    countIds: [7, 8],
    outputCounts: [0, 0],
    topLogprobs: 3,
  });
});

test("a step that samples nothing has no sampling arrays", () => {
  const { scheduler, next } = setup();
  scheduler.add(request({ promptLength: 20 }));
  const { step } = next();
  expect(step.outputs).toHaveLength(0);
  expect(step.sampling).toBeUndefined();
});

test("the arrays of large biases and counts outgrow their first allocation", () => {
  const { scheduler, next } = setup();
  const ids = Array.from({ length: 12 }, (_, i) => i);
  const sampling = { ...greedySampling, repetitionPenalty: 2, logitBias: ids.map((id) => [id, id / 2] as const) };
  for (let i = 0; i < 4; i++) scheduler.add(request({ promptIds: [i, i + 4, i + 8, i + 12], sampling }));
  const { step } = next();
  expect([...step.sampling!.biasIds]).toEqual([...ids, ...ids, ...ids, ...ids]);
  expect([...step.sampling!.biasValues].slice(36)).toEqual(ids.map((id) => id / 2));
  expect([...step.sampling!.countIds]).toEqual([0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15]);
});
