import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { evaluate, type Build, type Schedule } from "../../../test/conformance/evaluate.ts";
import { ProgramBuilder } from "../../../test/conformance/program-builder.ts";
import { Random } from "../../../test/conformance/random.ts";
import { samplingStep, type SamplingRow } from "../../../test/conformance/sampling-step.ts";
import type { Device } from "../../device/backend.ts";
import { uniformAt } from "../../device/random.ts";
import type { StepResult } from "../../device/step.ts";
import { bytesOf } from "../../util/bytes.ts";
import type { DenseWeight } from "../../weights/packed-weight.ts";
import { createReferenceBackend } from "./reference-backend.ts";

// The other backends are judged by this one; this one is judged by numbers worked out by hand, by properties that the formulas have,
// and by a second derivation where there is one.

let device: Device;
beforeAll(async () => (device = await createReferenceBackend().open()));
afterAll(() => device[Symbol.asyncDispose]());

const run = (build: Build, schedule: Schedule): Promise<Float32Array> => evaluate(device, build, schedule);

function dense(rows: readonly (readonly number[])[]): DenseWeight {
  const values = bytesOf(Float32Array.from(rows.flat()));
  return { scheme: "dense", inFeatures: rows[0].length, outFeatures: rows.length, type: "f32", values };
}

describe("linear", () => {
  const weight = dense([
    [1, 2],
    [3, 4],
    [5, 6],
    [7, 8],
  ]);
  const x = Float32Array.of(1, -1, 0.5, 2);

  test("multiplies, adds the bias and then the residual in place", async () => {
    const out = await run(
      (program) => {
        const input = program.input(x, 2);
        const hidden = program.input(Float32Array.of(1000, 1000, 1000, 1000, 2000, 2000, 2000, 2000), 4);
        const bias = program.vector(Float32Array.of(10, 20, 30, 40));
        program.op({ op: "linear", input, weight: program.weight(weight), bias, residual: hidden, out: hidden });
        return hidden;
      },
      { lengths: [2] },
    );
    expect([...out]).toEqual([1009, 1019, 1029, 1039, 2014.5, 2029.5, 2044.5, 2059.5]);
  });

  test("glu gates the second half by the first, after the bias", async () => {
    const silu = (v: number): number => v / (1 + Math.exp(-v));
    const out = await run(
      (program) => {
        const input = program.input(x, 2);
        const out = program.buffer(2);
        const bias = program.vector(Float32Array.of(0.5, 0, 0, 1));
        return program.op({ op: "linear", input, weight: program.weight(weight), bias, glu: "silu", out }) && out;
      },
      { lengths: [1] },
    );
    expect(out[0]).toBeCloseTo(silu(-0.5) * -1, 6);
    expect(out[1]).toBeCloseTo(silu(-1) * 0, 6);
  });

  test("parts are stacked along the outputs", async () => {
    const out = await run(
      (program) => {
        const input = program.input(x, 2);
        const out = program.buffer(3);
        return program.op({ op: "linear", input, weight: program.weight(dense([[1, 0]]), dense([[0, 1], [2, 0]])), out }) && out; // prettier-ignore
      },
      { lengths: [1] },
    );
    expect([...out]).toEqual([1, -1, 2]);
  });
});

test("rms-norm: each slice by itself, in place", async () => {
  const out = await run(
    (program) => {
      const x = program.input(Float32Array.of(3, 4, 0, 0, -1, 1), 6);
      program.op({
        op: "rms-norm",
        input: x,
        weight: program.vector(Float32Array.of(2, 10)),
        groupWidth: 2,
        eps: 0.5,
        out: x,
      });
      return x;
    },
    { lengths: [1] },
  );
  const expected = [6 / Math.sqrt(13), 40 / Math.sqrt(13), 0, 0, -2 / Math.sqrt(1.5), 10 / Math.sqrt(1.5)];
  expected.forEach((value, i) => expect(out[i]).toBeCloseTo(value, 5));
});

test("glu: silu at its ends", async () => {
  const out = await run(
    (program) => {
      const gate = program.input(Float32Array.of(0, 1, -1000, 1000), 4);
      const up = program.input(Float32Array.of(5, 2, 3, 2), 4);
      program.op({ op: "glu", activation: "silu", gate, up, out: gate });
      return gate;
    },
    { lengths: [1] },
  );
  expect([...out]).toEqual([0, Math.fround(2 / (1 + Math.exp(-1))), -0, 2000]);
});

describe("rope-write and attention", () => {
  const headDim = 8;
  const frequencies = Float32Array.of(1, 0.5, 0.25);
  const random = new Random(3);
  const rows = 40;
  const heads = 4;
  const kvHeads = 2;
  const q = random.normals(rows * heads * headDim);
  const k = random.normals(rows * kvHeads * headDim);
  const v = random.normals(rows * kvHeads * headDim);

  const attend =
    (window?: number): Build =>
    (program) => {
      const views = { q: program.input(q, heads * headDim), k: program.input(k, kvHeads * headDim), v: program.input(v, kvHeads * headDim) }; // prettier-ignore
      const rope = program.rope({
        rotaryDim: 6,
        variants: [
          { inverseFrequencies: frequencies, scale: 1 },
          { inverseFrequencies: frequencies.map((f) => f / 4), scale: 1.5 },
        ],
      });
      const cache = program.cache({ kvHeads, headDim }, window === undefined ? {} : { window });
      const out = program.buffer(heads * headDim);
      program.op({ op: "rope-write", ...views, rope, cache });
      program.op({ op: "attention", q: views.q, cache, scale: 0.35, out });
      return out;
    };

  // The same by complex numbers: a pair is a number that turns by e^(i·angle), and a score needs only the difference of positions.
  function expectedRow(first: number, t: number, window: number, divisor: number, scale: number): number[] {
    const out: number[] = [];
    for (let head = 0; head < heads; head++) {
      const kv = head >> 1;
      const at = (x: Float32Array, row: number, width: number, h: number, i: number): number =>
        x[row * width + h * headDim + i];
      const weights: [row: number, weight: number][] = [];
      for (let row = Math.max(first, t - window + 1); row <= t; row++) {
        let score = 0;
        for (let i = 0; i < 3; i++) {
          const [qr, qi] = [0, 3].map((d) => at(q, t, heads * headDim, head, i + d));
          const [kr, ki] = [0, 3].map((d) => at(k, row, kvHeads * headDim, kv, i + d));
          const turn = ((t - row) * frequencies[i]) / divisor;
          // Re(q · conj(k) · e^(i·turn))
          score += scale ** 2 * ((qr * kr + qi * ki) * Math.cos(turn) - (qi * kr - qr * ki) * Math.sin(turn));
        }
        for (let i = 6; i < 8; i++) score += at(q, t, heads * headDim, head, i) * at(k, row, kvHeads * headDim, kv, i);
        weights.push([row, Math.exp(0.35 * score)]);
      }
      const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
      for (let i = 0; i < headDim; i++)
        out.push(
          weights.reduce((sum, [row, weight]) => sum + weight * at(v, row, kvHeads * headDim, kv, i), 0) / total,
        );
    }
    return out;
  }

  test.each([
    ["all positions", undefined],
    ["a window of 1", 1],
    ["a window of 7", 7],
    ["a window that ends at a page's border", 17],
  ])("agrees with complex numbers: %s", async (_, window) => {
    const out = await run(attend(window), { lengths: [33, 7], ropeVariants: [0, 1] });
    for (let t = 0; t < rows; t++) {
      const expected = t < 33 ? expectedRow(0, t, window ?? 99, 1, 1) : expectedRow(33, t, window ?? 99, 4, 1.5);
      const found = [...out.subarray(t * expected.length, (t + 1) * expected.length)];
      expected.forEach((value, i) => expect(found[i]).toBeCloseTo(value, 5));
    }
  });

  test("the angle is a product of f32", async () => {
    const position = 65_537;
    const frequency = Math.fround(0.3);
    const program = new ProgramBuilder(2);
    const q = program.input(Float32Array.of(1, 0), 2);
    const rope = program.rope({
      rotaryDim: 2,
      variants: [{ inverseFrequencies: Float32Array.of(frequency), scale: 1 }],
    });
    const k = program.input(Float32Array.of(0, 0), 2);
    program.op({
      op: "rope-write",
      q,
      k,
      v: program.buffer(2),
      rope,
      cache: program.cache({ kvHeads: 1, headDim: 2 }, { window: 1 }),
    });
    program.report(q);
    await using loaded = await program.load(device, { maxTokens: 1, maxSequences: 1, maxOutputs: 1, pageCounts: [1] });
    const stride = position;
    const pages = new Int32Array(stride).fill(-1);
    pages[Math.floor(position / device.pageSize)] = 0;
    const { logits } = await loaded.executable.step({
      tokens: Int32Array.of(0),
      positions: Int32Array.of(position),
      sequenceStarts: Int32Array.of(0, 1),
      slots: Int32Array.of(0),
      ropeVariants: Int32Array.of(0),
      pageTables: [{ pages, stride }],
      outputs: Int32Array.of(0),
      wantsLogits: true,
    });
    expect(logits?.[0]).toBe(Math.fround(Math.cos(Math.fround(position * frequency))));
    expect(logits?.[0]).not.toBe(Math.fround(Math.cos(position * frequency)));
  });
});

describe("sample", () => {
  const vocabSize = 6;
  const logits = Float32Array.of(1, 3, 3, 0, -Infinity, 2);

  async function draw(
    values: Float32Array,
    row: SamplingRow,
    positions: readonly number[],
    topLogprobs = 0,
  ): Promise<StepResult> {
    const program = new ProgramBuilder(values.length);
    program.report(program.input(values, values.length));
    const count = positions.length;
    await using loaded = await program.load(device, {
      maxTokens: count,
      maxSequences: count,
      maxOutputs: count,
      pageCounts: [],
    });
    return loaded.executable.step({
      tokens: new Int32Array(count),
      positions: Int32Array.from(positions),
      sequenceStarts: Int32Array.from({ length: count + 1 }, (_, i) => i),
      slots: Int32Array.from(positions, (_, i) => i),
      ropeVariants: new Int32Array(count),
      pageTables: [],
      outputs: Int32Array.from(positions, (_, i) => i),
      sampling: samplingStep(new Array<SamplingRow>(count).fill(row), values.length, topLogprobs),
    });
  }

  test("inverts the cumulative distribution at the number of the next position", async () => {
    const seed = 2 ** 40 + 12345;
    const positions = Array.from({ length: 50 }, (_, i) => i * 3);
    const { samples } = await draw(logits, { seed, temperature: 2 }, positions);
    const weights = Array.from(logits, (logit) => Math.exp(logit / 2));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const expected = positions.map((position) => {
      let rest = uniformAt(12345, 2 ** 8, position + 1) * total;
      return weights.findIndex((weight) => (rest -= weight) < 0);
    });
    expect([...samples]).toEqual(expected);
    expect(new Set(samples).size).toBeGreaterThan(3);
    expect([...samples]).not.toContain(4);
  });

  test("reports log-probabilities of the raw logits, best first, the lower id first among equals", async () => {
    const row = { temperature: 0, logitBias: [[5, 100]] } as const;
    const { samples, logprobs, topIds, topLogprobs } = await draw(logits, row, [0], 6);
    const total = Math.log([1, 3, 3, 0, 2].reduce((sum, logit) => sum + Math.exp(logit), 0));
    expect([...samples]).toEqual([5]);
    expect(logprobs[0]).toBeCloseTo(2 - total, 6);
    expect([...topIds]).toEqual([1, 2, 5, 0, 3, 4]);
    [3, 3, 2, 1, 0].forEach((logit, i) => expect(topLogprobs[i]).toBeCloseTo(logit - total, 6));
    expect(topLogprobs[5]).toBe(-Infinity);
  });

  test.each<[string, Float32Array, SamplingRow]>([
    ["a NaN", logits.with(3, NaN), {}],
    ["a NaN that the mask forbids", logits.with(3, NaN), { allowedIds: [0, 1] }],
    ["+infinity", logits.with(3, Infinity), { temperature: 0 }],
    ["no token that is possible", new Float32Array(vocabSize).fill(-Infinity), {}],
    ["only an impossible token allowed", logits, { allowedIds: [4] }],
    ["an overflow by a penalty", logits.with(3, 3e38), { repetitionPenalty: 0.5, promptIds: [3] }],
  ])("draws nothing from %s", async (_, values, row) => {
    const { samples, logprobs, topIds, topLogprobs } = await draw(values, row, [0, 1], 2);
    expect([...samples]).toEqual([-1, -1]);
    expect([...logprobs, ...topLogprobs].every(Number.isNaN)).toBe(true);
    expect([...topIds]).toEqual([-1, -1, -1, -1]);
  });
});
