import { describe, expect, test } from "vitest";
import type { Device } from "../../src/device/backend.ts";
import { RequestError } from "../../src/util/errors.ts";
import type { Step, StepResult } from "../../src/device/step.ts";
import { bytesOf } from "../../src/util/bytes.ts";
import { availableImplementations } from "./backends.ts";
import { ProgramBuilder, type LoadedProgram } from "./program-builder.ts";
import { samplingStep } from "./sampling-step.ts";

const vocabSize = 64;
const behind = (token: number): number => (29 * token + 7) % vocabSize;

/** A model that follows each token with the one `behind` it. */
async function loadChain(device: Device): Promise<LoadedProgram> {
  const identity = Float32Array.from({ length: vocabSize ** 2 }, (_, i) => (i % (vocabSize + 1) === 0 ? 1 : 0));
  const values = new Float32Array(vocabSize ** 2);
  for (let token = 0; token < vocabSize; token++) values[behind(token) * vocabSize + token] = 1;
  const shape = { inFeatures: vocabSize, outFeatures: vocabSize } as const;
  const program = new ProgramBuilder(vocabSize);
  const hidden = program.input(identity, vocabSize);
  const wanted = program.buffer(vocabSize, "outputs");
  const logits = program.buffer(vocabSize, "outputs");
  const weight = program.weight({ scheme: "dense", type: "f32", ...shape, values: bytesOf(values) });
  program.op({ op: "gather", input: hidden, out: wanted });
  program.op({ op: "linear", input: wanted, weight, out: logits });
  program.op({ op: "sample", logits });
  return program.load(device, { maxTokens: 1, maxSequences: 1, maxOutputs: 1, pageCounts: [] });
}

const stepOf = (token: number, position: number): Step => ({
  tokens: Int32Array.of(token),
  positions: Int32Array.of(position),
  sequenceStarts: Int32Array.of(0, 1),
  slots: Int32Array.of(0),
  ropeVariants: Int32Array.of(0),
  pageTables: [],
  outputs: Int32Array.of(0),
  sampling: samplingStep([{ temperature: 0 }], vocabSize),
});

describe.each(await availableImplementations())("steps that run ahead on $label", (implementation) => {
  const { runsAhead } = implementation;

  test(`are ${runsAhead ? "" : "not "}offered`, async () => {
    await using device = await implementation.open();
    await using loaded = await loadChain(device);
    expect(loaded.executable.runsAhead ?? false).toBe(runsAhead);
  });

  test.runIf(runsAhead)("go on with samples that nobody has seen, in the order in which they came", async () => {
    await using device = await implementation.open();
    await using loaded = await loadChain(device);
    const { executable } = loaded;
    const start = 3;
    const samples: number[] = [];
    const take = ({ samples: [sample] }: StepResult) => samples.push(sample);
    let running = executable.step(stepOf(start, 0));
    for (let position = 1; position < 300; position++) {
      const next = executable.step(stepOf(~0, position));
      take(await running);
      running = next;
    }
    take(await running);
    const expected = [behind(start)];
    while (expected.length < samples.length) expected.push(behind(expected.at(-1)!));
    expect(samples).toEqual(expected);
  });

  test("are refused where as many as it takes have not ended", async () => {
    await using device = await implementation.open();
    await using loaded = await loadChain(device);
    const { executable } = loaded;
    const steps = Array.from({ length: runsAhead ? 3 : 2 }, (_, i) => executable.step(stepOf(i, 0)));
    const ends = await Promise.allSettled(steps);
    expect(ends.map(({ status }) => status)).toEqual(
      steps.map((_, i) => (i < steps.length - 1 ? "fulfilled" : "rejected")),
    );
    expect(ends.at(-1)).toMatchObject({ reason: expect.any(RequestError) as RequestError });
    expect((await executable.step(stepOf(9, 0))).samples).toEqual(Int32Array.of(behind(9)));
  });
});
