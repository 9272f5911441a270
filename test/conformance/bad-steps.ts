import type { SamplingStep } from "../../src/device/sampling.ts";
import type { PageTable, Step, StepLimits } from "../../src/device/step.ts";
import { ProgramBuilder } from "./program-builder.ts";
import { samplingStep } from "./sampling-step.ts";

/** A program with every op, a full and a windowed cache: what the steps below are for. */
export function everyOp(): ProgramBuilder {
  const program = new ProgramBuilder(vocabSize);
  const hidden = program.input(
    Float32Array.from({ length: vocabSize * 16 }, (_, i) => Math.sin(i)),
    16,
  );
  const rope = program.rope({
    rotaryDim: 16,
    variants: [
      { inverseFrequencies: new Float32Array(8).fill(0.5), scale: 1 },
      { inverseFrequencies: new Float32Array(8).fill(0.1), scale: 1 },
    ],
  });
  const normed = program.buffer(16);
  const weight = program.vector(new Float32Array(16).fill(1));
  const values = new Uint8Array(new Float32Array(32 * 16).fill(0.01).buffer);
  const matrix = program.weight({ scheme: "dense", inFeatures: 16, outFeatures: 32, type: "f32", values });
  for (const kind of [{}, { window: 20 }]) {
    const cache = program.cache({ kvHeads: 1, headDim: 16 }, kind);
    const k = program.input(new Float32Array(16).fill(1), 16);
    program.op({ op: "rms-norm", input: hidden, weight, groupWidth: 16, eps: 1e-5, out: normed });
    program.op({ op: "rope-write", q: normed, k, v: hidden, rope, cache });
    program.op({ op: "attention", q: normed, cache, scale: 0.25, out: hidden });
    program.op({ op: "linear", input: hidden, weight: matrix, glu: "silu", residual: normed, out: normed });
    program.op({ op: "glu", activation: "silu", gate: normed, up: hidden, out: hidden });
  }
  return program.report(hidden);
}

const vocabSize = 100;

/** Enough for the good step on every page size from 16 on. */
export const badStepLimits: Omit<StepLimits, "pageSize"> = {
  maxTokens: 8,
  maxSequences: 3,
  maxOutputs: 4,
  pageCounts: [20, 20],
};

/** Two sequences: positions 0 to 2, and pageSize * 3 to pageSize * 3 + 1. */
export function goodStep(pageSize: number): Step {
  const first = 3 * pageSize;
  return {
    tokens: Int32Array.of(1, 2, 99, 4, ~2),
    positions: Int32Array.of(0, 1, 2, first, first + 1),
    sequenceStarts: Int32Array.of(0, 3, 5),
    slots: Int32Array.of(2, 0),
    ropeVariants: Int32Array.of(1, 0),
    pageTables: [
      { pages: Int32Array.of(7, -1, -1, -1, 0, 1, 2, 19), stride: 4 },
      // A window of 20 still sees the page before, and no more where pages have 19 positions or more.
      { pages: Int32Array.of(3, -1, -1, -1, -1, 10, 11, 12), stride: 4 },
    ],
    outputs: Int32Array.of(0, 2, 4),
    sampling: samplingStep(
      [{ temperature: 0.5 }, { logitBias: [[99, 1]] }, { promptIds: [4], allowedIds: [98] }],
      vocabSize,
      2,
    ),
    wantsLogits: true,
  };
}

type Change = (step: Step, pageSize: number) => Partial<Step>;

const sampling =
  (change: (sampling: SamplingStep) => Partial<SamplingStep>): Change =>
  ({ sampling = samplingStep([], vocabSize) }) => ({ sampling: { ...sampling, ...change(sampling) } });

const pages =
  (kind: number, change: (table: PageTable) => Partial<PageTable>): Change =>
  ({ pageTables }) => ({
    pageTables: pageTables.map((table, i) => (i === kind ? { ...table, ...change(table) } : table)),
  });

/** What is done to the good step, and words of the refusal. */
export const badSteps: readonly (readonly [what: string, refusal: RegExp, change: Change])[] = [
  ["no tokens", /0 tokens/, () => ({ tokens: new Int32Array(0) })],
  ["too many tokens", /9 tokens, from 1 to 8/, () => ({ tokens: new Int32Array(9) })],
  ["no sequences", /0 sequences/, () => ({ slots: new Int32Array(0) })],
  ["too many sequences", /4 sequences, from 1 to 3/, () => ({ slots: Int32Array.of(0, 1, 2, 3) })],
  ["a token past the vocabulary", /token 1 is 100/, ({ tokens }) => ({ tokens: tokens.with(1, 100) })],
  ["the sample of a slot that is none", /slot 3, there are 3/, ({ tokens }) => ({ tokens: tokens.with(4, ~3) })],
  ["a slot that is none", /a slot is 3/, () => ({ slots: Int32Array.of(3, 0) })],
  ["a negative slot", /a slot is -1/, () => ({ slots: Int32Array.of(-1, 0) })],
  ["one slot twice", /two sequences have slot 1/, () => ({ slots: Int32Array.of(1, 1) })],
  ["starts that are too few", /sequenceStarts has 2 values, not 3/, () => ({ sequenceStarts: Int32Array.of(0, 5) })],
  ["starts that fall", /falls from 6 to 5/, () => ({ sequenceStarts: Int32Array.of(0, 6, 5) })],
  ["starts not from 0", /from 1 to 5/, () => ({ sequenceStarts: Int32Array.of(1, 3, 5) })],
  ["starts that leave a token out", /from 0 to 4, not from 0 to 5/, () => ({ sequenceStarts: Int32Array.of(0, 3, 4) })],
  ["a sequence without tokens", /sequence 0 has no tokens/, () => ({ sequenceStarts: Int32Array.of(0, 0, 5) })],
  ["positions that are too few", /positions has 4 values/, ({ positions }) => ({ positions: positions.slice(1) })],
  ["a gap between positions", /from position 0 to 2/, ({ positions }) => ({ positions: positions.with(1, 2) })],
  [
    "a negative position",
    /starts at position -1/,
    ({ positions }) => ({ positions: positions.with(0, -1).with(1, 0) }),
  ],
  [
    "a position past the page table",
    /reaches position \d+, its 4 pages of pageTables\[0\] hold/,
    ({ positions }, pageSize) => ({ positions: positions.with(3, 4 * pageSize - 1).with(4, 4 * pageSize) }),
  ],
  ["the last position of all", /no position for the next token/, ({ positions }) => ({ positions: positions.with(3, 2 ** 31 - 2).with(4, 2 ** 31 - 1) })], // prettier-ignore
  ["a rope variant that is none", /a rope variant is 2/, () => ({ ropeVariants: Int32Array.of(0, 2) })],
  ["a negative rope variant", /a rope variant is -1/, () => ({ ropeVariants: Int32Array.of(0, -1) })],
  [
    "a page table too few",
    /1 page tables, the program has 2/,
    ({ pageTables }) => ({ pageTables: pageTables.slice(1) }),
  ],
  ["a page table that is short", /pages has 7 values, not 8/, pages(0, (table) => ({ pages: table.pages.slice(1) }))],
  ["a stride of 0", /stride is 0/, pages(1, () => ({ stride: 0, pages: new Int32Array(0) }))],
  ["a page that is none", /is 20, not from -1 to 19/, pages(0, (table) => ({ pages: table.pages.with(0, 20) }))],
  ["a page below -1", /is -2, not from -1/, pages(0, (table) => ({ pages: table.pages.with(1, -2) }))],
  [
    "no page to write",
    /sequence 0 needs positions from 0 on/,
    pages(1, (table) => ({ pages: table.pages.with(0, -1) })),
  ],
  ["no page to read", /sequence 1 needs positions from \d+ on, pageTables\[0\]/, pages(0, (table) => ({ pages: table.pages.with(5, -1) }))], // prettier-ignore
  ["no page inside the window", /sequence 1 needs positions from \d+ on, pageTables\[1\]/, pages(1, (table) => ({ pages: table.pages.with(6, -1) }))], // prettier-ignore
  [
    "a page that two sequences write",
    /page 19 .* written twice/,
    pages(0, (table) => ({ pages: table.pages.with(0, 19) })),
  ],
  ["too many outputs", /5 outputs, at most 4/, () => ({ outputs: Int32Array.of(0, 1, 2, 3, 4) })],
  ["an output past the tokens", /an output is 5/, ({ outputs }) => ({ outputs: outputs.with(2, 5) })],
  ["outputs that do not ascend", /wants output 2 after 2/, ({ outputs }) => ({ outputs: outputs.with(2, 2) })],
  ["a negative temperature", /temperature is -1/, sampling((s) => ({ temperature: s.temperature.with(0, -1) }))],
  [
    "a temperature that is no number",
    /temperature is NaN/,
    sampling((s) => ({ temperature: s.temperature.with(0, NaN) })),
  ],
  ["a negative top-k", /topK is -1/, sampling((s) => ({ topK: s.topK.with(0, -1) }))],
  ["a top-p above 1", /topP is 1.5/, sampling((s) => ({ topP: s.topP.with(0, 1.5) }))],
  ["a negative min-p", /minP is -0.5/, sampling((s) => ({ minP: s.minP.with(0, -0.5) }))],
  ["a typical-p above 1", /typicalP is 2/, sampling((s) => ({ typicalP: s.typicalP.with(0, 2) }))],
  ["a repetition penalty of 0", /repetitionPenalty is 0; more than 0/, sampling((s) => ({ repetitionPenalty: s.repetitionPenalty.with(0, 0) }))], // prettier-ignore
  ["an infinite presence penalty", /presencePenalty is Inf/, sampling((s) => ({ presencePenalty: s.presencePenalty.with(0, Infinity) }))], // prettier-ignore
  ["a frequency penalty that is no number", /frequencyPenalty is NaN/, sampling((s) => ({ frequencyPenalty: s.frequencyPenalty.with(0, NaN) }))], // prettier-ignore
  ["parameters for too few rows", /topP has 2 values, not 3/, sampling((s) => ({ topP: s.topP.slice(1) }))],
  ["seeds for too few rows", /seedLow has 2/, sampling((s) => ({ seedLow: s.seedLow.slice(1) }))],
  ["upper seeds for too few rows", /seedHigh has 2/, sampling((s) => ({ seedHigh: s.seedHigh.slice(1) }))],
  ["a biased id past the vocabulary", /biasIds is 100/, sampling((s) => ({ biasIds: s.biasIds.with(0, 100) }))],
  ["a negative biased id", /biasIds is -1/, sampling((s) => ({ biasIds: s.biasIds.with(0, -1) }))],
  ["a bias that is no number", /biasValues holds NaN/, sampling((s) => ({ biasValues: s.biasValues.with(0, NaN) }))],
  ["biases without ids", /biasValues has 2/, sampling(() => ({ biasValues: new Float32Array(2) }))],
  [
    "bias starts past the end",
    /biasStarts runs from 0 to 2/,
    sampling((s) => ({ biasStarts: s.biasStarts.with(3, 2) })),
  ],
  ["a counted id past the vocabulary", /countIds is 100/, sampling((s) => ({ countIds: s.countIds.with(0, 100) }))],
  ["counts without ids", /outputCounts has 2/, sampling(() => ({ outputCounts: new Int32Array(2) }))],
  ["a negative count", /outputCounts holds -1/, sampling((s) => ({ outputCounts: s.outputCounts.with(0, -1) }))],
  ["count starts that fall", /countStarts falls/, sampling((s) => ({ countStarts: s.countStarts.with(1, 2) }))],
  ["a mask that is short", /allowed has 11 values, not 12/, sampling((s) => ({ allowed: s.allowed?.slice(1) ?? new Uint32Array(11) }))], // prettier-ignore
  ["a mask that allows nothing", /leaves output 1 no token/, sampling(() => ({ allowed: new Uint32Array(12).fill(1, 0, 1).fill(1, 8) }))], // prettier-ignore
  ["a mask that allows only what is past the vocabulary", /leaves output 2 no token/, sampling(() => ({ allowed: new Uint32Array(12).fill(~0, 0, 8).fill(~15, 11) }))], // prettier-ignore
  [
    "more top log-probabilities than are counted",
    /topLogprobs is 21, from 0 to 20/,
    sampling(() => ({ topLogprobs: 21 })),
  ],
  ["a part of a top log-probability", /topLogprobs is 1.5/, sampling(() => ({ topLogprobs: 1.5 }))],
];
