import { describe, expect, test } from "vitest";
import type { PageKind } from "../device/program.ts";
import type { Step } from "../device/step.ts";
import { AbortedError, RequestError } from "../util/errors.ts";
import { request, runAlone, vocabSize } from "./engine-test-kit.ts";
import { NullExecutable } from "./null-executable.ts";
import { StepDriver, type StepDriverOptions } from "./step-driver.ts";

interface DriverSettings extends Partial<StepDriverOptions> {
  readonly pageCounts?: readonly number[];
  readonly maxSequences?: number;
}

/** A driver over a null executable, whose logits depend on every page that a token sees; and the steps it has run. */
function nullDriver(settings: DriverSettings = {}): { readonly driver: StepDriver; readonly steps: Step[] } {
  const { pageKinds = [{}], pageCounts = pageKinds.map(() => 32), maxSequences = 3, ...options } = settings;
  const limits = { maxTokens: 8, maxSequences, maxOutputs: 5, pageSize: 4, pageCounts };
  const steps: Step[] = [];
  const beforeStep = (step: Step): void => void steps.push(step);
  const executable = new NullExecutable({ limits, pageKinds, vocabSize, beforeStep });
  return { driver: new StepDriver(executable, { ...options, pageKinds }), steps };
}

const ids = Int32Array.from({ length: 21 }, (_, i) => (7 * i + 3) % vocabSize);

/** The likeliest token after each of `tokens`. */
async function likeliestAfter(driver: StepDriver, sequence: number, tokens: Int32Array): Promise<number[]> {
  const likeliest: number[] = [];
  for await (const logits of driver.logits(sequence, tokens))
    for (let start = 0; start < logits.length; start += vocabSize) {
      const row = logits.subarray(start, start + vocabSize);
      likeliest.push(row.indexOf(Math.max(...row)));
    }
  return likeliest;
}

/** What a greedy engine says after `ids`, and the tokens that it has read by then. */
async function engineAnswer(pageKinds: readonly PageKind[] = [{}], ropeSwitchLength?: number) {
  const options = { pageKinds, ...(ropeSwitchLength !== undefined && { ropeSwitchLength }) };
  const answer = (await runAlone(request({ promptIds: [...ids], maxTokens: 10 }), options)).ids;
  return { answer, read: Int32Array.of(...ids, ...answer.slice(0, -1)) };
}

const windowed: readonly PageKind[] = [{}, { window: 6 }];

describe("logits are those of the engine", () => {
  test.each([
    ["full attention", [{}], undefined],
    ["a window", windowed, undefined],
    ["the second rope", [{}], 20],
  ] as const)("%s", async (_, pageKinds, ropeSwitchLength) => {
    const { driver } = nullDriver({ pageKinds, ropeSwitchLength });
    const { answer, read } = await engineAnswer(pageKinds, ropeSwitchLength);
    driver.begin(1, read.length);
    const likeliest = await likeliestAfter(driver, 1, read);
    expect(likeliest).toHaveLength(read.length);
    expect(likeliest.slice(-answer.length)).toEqual(answer);
  });

  test("after prefill, decode and rewind", async () => {
    const { driver } = nullDriver();
    const { answer, read } = await engineAnswer();
    driver.begin(0, read.length);
    await driver.prefill(0, read.subarray(0, 12));
    await driver.decode([Int32Array.of(9), Int32Array.of(9)]);
    expect(driver.rewind(0, 12)).toBe(true);
    expect((await likeliestAfter(driver, 0, read.subarray(12))).slice(-answer.length)).toEqual(answer);
  });
});

test("prefill takes steps of the largest size and wants the last row only", async () => {
  const { driver, steps } = nullDriver();
  driver.begin(0, ids.length);
  await driver.prefill(0, ids);
  expect(steps.map(({ tokens, outputs }) => [tokens.length, [...outputs]])).toEqual([
    [8, []],
    [8, []],
    [5, [4]],
  ]);
  expect(steps.every(({ sampling, wantsLogits }) => sampling === undefined && wantsLogits === false)).toBe(true);
});

test("decode takes one token of every sequence, each behind its own", async () => {
  const { driver, steps } = nullDriver();
  [0, 1, 2].forEach((sequence) => driver.begin(sequence, 21));
  await driver.prefill(1, ids.subarray(0, 5));
  await driver.decode([Int32Array.of(1, 2, 3)]);
  const { tokens, positions, outputs } = steps.at(-1)!;
  expect([[...tokens], [...positions], [...outputs]]).toEqual([
    [1, 2, 3],
    [0, 5, 0],
    [0, 1, 2],
  ]);
});

test("a window that has moved on cannot be rewound", async () => {
  const { driver } = nullDriver({ pageKinds: windowed });
  driver.begin(0, 21);
  await driver.prefill(0, ids);
  expect(driver.rewind(0, 2)).toBe(false);
  const { answer, read } = await engineAnswer(windowed);
  driver.begin(0, read.length);
  expect((await likeliestAfter(driver, 0, read)).slice(-answer.length)).toEqual(answer);
});

test("more positions than pages are refused", async () => {
  const { driver } = nullDriver({ pageCounts: [2] });
  driver.begin(0, 21);
  await expect(driver.prefill(0, ids)).rejects.toThrow(RequestError);
});

test("an abort ends between two steps", async () => {
  const controller = new AbortController();
  const { driver, steps } = nullDriver({ signal: controller.signal });
  driver.begin(0, 21);
  const rows = driver.logits(0, ids);
  await rows.next();
  controller.abort();
  await expect(rows.next()).rejects.toThrow(AbortedError);
  expect(steps).toHaveLength(1);
});
