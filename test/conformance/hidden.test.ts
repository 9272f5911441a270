import { describe, expect, test } from "vitest";
import type { Step } from "../../src/device/step.ts";
import { bytesOf } from "../../src/util/bytes.ts";
import { availableImplementations } from "./backends.ts";
import { ProgramBuilder } from "./program-builder.ts";
import { samplingStep } from "./sampling-step.ts";

const width = 16;
const vocabSize = 40;
const inputs = Float32Array.from({ length: vocabSize * width }, (_, i) => Math.sin(i));
const head = Float32Array.from({ length: vocabSize * width }, (_, i) => Math.cos(i));
const tokens = [3, 1, 4, 1, 5];

const step = (outputs: readonly number[], wanted: Partial<Step> = {}): Step => ({
  tokens: Int32Array.from(tokens),
  positions: Int32Array.from(tokens.keys()),
  sequenceStarts: Int32Array.of(0, tokens.length),
  slots: Int32Array.of(0),
  ropeVariants: Int32Array.of(0),
  pageTables: [],
  outputs: Int32Array.from(outputs),
  wantsHidden: true,
  ...wanted,
});

for (const implementation of await availableImplementations()) {
  describe(`hidden states on ${implementation.label}`, async () => {
    await using device = await implementation.open();
    const program = new ProgramBuilder(vocabSize);
    const embedded = program.input(inputs, width);
    const hidden = program.buffer(width, "outputs");
    const reported = program.reportHidden(hidden);
    const logits = program.buffer(vocabSize, "outputs");
    const weight = program.weight({
      ...{ scheme: "dense", type: "f32", inFeatures: width, outFeatures: vocabSize, values: bytesOf(head) },
    });
    program.op({ op: "gather", input: embedded, out: hidden });
    program.op({ op: "linear", input: hidden, weight, out: logits });
    program.op({ op: "sample", logits });
    const limits = { maxTokens: 8, maxSequences: 2, maxOutputs: 4, pageCounts: [] };
    await using loaded = await program.load(device, limits);
    const { executable } = loaded;

    const rowOf = (values: Float32Array | undefined, row: number): Float32Array | undefined =>
      values?.slice(row * reported.width + hidden.offset, row * reported.width + hidden.offset + width);
    const inputOf = (token: number): Float32Array => inputs.slice(token * width, (token + 1) * width);

    const alone = await executable.step(step([0, 2, 4]));
    const after = await executable.step(step([1], { wantsHidden: false, wantsLogits: true }));
    const both = await executable.step(
      step([2, 4], { wantsLogits: true, sampling: samplingStep([{}, {}], vocabSize) }),
    );
    const none = await executable.step(step([]));

    test("are those of the outputs, and nothing else is reported", () => {
      expect([0, 2, 4].map((t, row) => [t, rowOf(alone.hidden, row)])).toEqual(
        [0, 2, 4].map((t) => [t, inputOf(tokens[t])]),
      );
      expect([alone.samples.length, alone.logits]).toEqual([0, undefined]);
    });

    test("come beside samples and logits", () => {
      expect(rowOf(both.hidden, 1)).toEqual(inputOf(tokens[4]));
      expect([both.samples.length, both.logits?.length]).toEqual([2, 2 * vocabSize]);
      expect(both.samples.every((id) => id >= 0)).toBe(true);
    });

    test("are left out of a step that does not ask, which runs to its end", () => {
      expect(after.hidden).toBeUndefined();
      expect(after.logits?.some((value) => value !== 0)).toBe(true);
    });

    test("are none without outputs", () => expect(none.hidden).toHaveLength(0));
  });
}
