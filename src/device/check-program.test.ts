import { describe, expect, test } from "vitest";
import { badStepLimits, everyOp } from "../../test/conformance/bad-steps.ts";
import { RequestError } from "../util/errors.ts";
import type { PreparedWeight } from "./backend.ts";
import { checkBinding, checkProgram } from "./check-program.ts";
import type { Op, Program } from "./program.ts";

const good = everyOp().program();

/** The program with its first op of a kind changed. */
function withOp<Kind extends Op["op"]>(kind: Kind, change: (op: Extract<Op, { op: Kind }>) => object): Program {
  const index = good.ops.findIndex(({ op }) => op === kind);
  const changed = { ...good.ops[index], ...change(good.ops[index] as Extract<Op, { op: Kind }>) };
  return { ...good, ops: good.ops.with(index, changed) };
}

const replaced = <T extends object>(list: readonly T[], index: number, change: Partial<T>): readonly T[] =>
  list.with(index, { ...list[index], ...change });

const bad: readonly (readonly [what: string, refusal: RegExp, program: Program])[] = [
  ["no vocabulary", /vocabSize is 0/, { ...good, vocabSize: 0 }],
  ["a width that is no whole number", /buffers\[0\]\.width is 1\.5/, { ...good, buffers: replaced(good.buffers, 0, { width: 1.5 }) }], // prettier-ignore
  ["a size past int32", /vectors\[0\]\.length is 2147483648/, { ...good, vectors: replaced(good.vectors, 0, { length: 2 ** 31 }) }], // prettier-ignore
  [
    "a weight without parts",
    /weights\[0\] has no parts/,
    { ...good, weights: replaced(good.weights, 0, { parts: [] }) },
  ],
  [
    "a part without summary",
    /summaries: 0 instead of 1/,
    { ...good, weights: replaced(good.weights, 0, { summaries: [] }) },
  ],
  ["parts that add up to less", /outFeatures of all parts: 100 instead of 101/, { ...good, weights: replaced(good.weights, 0, { outFeatures: 101 }) }], // prettier-ignore
  ["parts of other inputs", /inFeatures of a part: 16 instead of 8/, { ...good, weights: replaced(good.weights, 0, { inFeatures: 8 }) }], // prettier-ignore
  ["an odd rotaryDim", /15 is odd/, { ...good, ropes: replaced(good.ropes, 0, { rotaryDim: 15 }) }],
  ["a rope without variants", /no variants/, { ...good, ropes: replaced(good.ropes, 0, { variants: [] }) }],
  ["frequencies that are too few", /frequencies: 3 instead of 8/, { ...good, ropes: replaced(good.ropes, 0, { variants: [{ inverseFrequencies: new Float32Array(3), scale: 1 }] }) }], // prettier-ignore
  ["an infinite frequency", /not finite/, { ...good, ropes: replaced(good.ropes, 0, { variants: [{ inverseFrequencies: new Float32Array(8).fill(Infinity), scale: 1 }] }) }], // prettier-ignore
  ["a window of 0", /window is 0/, { ...good, pageKinds: replaced(good.pageKinds, 1, { window: 0 }) }],
  ["a page kind that is none", /pageKind is 2; there are 2/, { ...good, caches: replaced(good.caches, 0, { pageKind: 2 }) }], // prettier-ignore
  ["a cache too wide", /kvHeads \* headDim is/, { ...good, caches: replaced(good.caches, 0, { kvHeads: 2 ** 30 }) }],
  ["two sample ops", /2 sample ops/, { ...good, ops: [...good.ops, ...good.ops.filter(({ op }) => op === "sample")] }],
  ["an unknown op", /ops\[0\] guess: no such op/, { ...good, ops: [{ op: "guess" } as unknown as Op] }],
  ["a table that is none", /table is 99/, withOp("embed", () => ({ table: 99 }))],
  ["a negative buffer", /out\.buffer is -1/, withOp("embed", ({ out }) => ({ out: { ...out, buffer: -1 } }))],
  ["a view past its buffer", /columns 7 to 23 of buffer0, which has 22/, withOp("embed", ({ out }) => ({ out: { ...out, offset: 7 } }))], // prettier-ignore
  ["a negative offset", /columns -1 to 15/, withOp("embed", ({ out }) => ({ out: { ...out, offset: -1 } }))],
  ["an empty view", /out\.width is 0/, withOp("embed", ({ out }) => ({ out: { ...out, width: 0 } }))],
  ["a table of another width", /out\.width: 8 instead of 16/, withOp("embed", ({ out }) => ({ out: { ...out, width: 8 } }))], // prettier-ignore
  ["a table smaller than the vocabulary", /100 rows, fewer than the vocabulary's 101/, { ...good, vocabSize: 101 }],
  ["a group that does not divide the width", /16, which is no multiple of 5/, withOp("rms-norm", () => ({ groupWidth: 5 }))], // prettier-ignore
  ["a norm's weight of another length", /weight's length/, withOp("rms-norm", () => ({ groupWidth: 8 }))],
  ["an eps that is no number", /eps is NaN/, withOp("rms-norm", () => ({ eps: NaN }))],
  ["a norm into half of its input", /share columns/, withOp("rms-norm", ({ input }) => ({ out: { ...input, offset: input.offset + 1 } }))], // prettier-ignore
  ["a linear of another input", /input\.width/, withOp("linear", ({ input }) => ({ input: { ...input, width: 8 } }))],
  ["a linear without the glu it needs", /out\.width: 16 instead of 32/, withOp("linear", () => ({ glu: undefined }))],
  ["a linear into its own input", /out and input share columns/, withOp("linear", ({ input }) => ({ out: input }))],
  ["a bias of another length", /bias's length: 16 instead of 32/, withOp("linear", () => ({ bias: 0 }))],
  ["a bias that is none", /bias is 1; there are 1/, withOp("linear", () => ({ bias: 1 }))],
  [
    "a residual beside out",
    /out and residual share/,
    withOp("linear", ({ out }) => ({ residual: { ...out, offset: 2 } })),
  ],
  ["a glu of unequal widths", /up\.width/, withOp("glu", ({ up }) => ({ up: { ...up, width: 8 } }))],
  ["a glu half over its gate", /out and gate share/, withOp("glu", ({ gate }) => ({ out: { ...gate, offset: 4 } }))],
  ["queries that are no whole heads", /multiple of 16/, withOp("rope-write", ({ q }) => ({ q: { ...q, width: 15 } }))],
  ["keys of another width", /k\.width/, withOp("rope-write", ({ k }) => ({ k: { ...k, width: 15 } }))],
  ["keys over queries", /q and k share/, withOp("rope-write", ({ q }) => ({ k: q }))],
  ["a rotation wider than a head", /rotaryDim 32 is larger than headDim 16/, { ...good, ropes: [{ rotaryDim: 32, variants: [{ inverseFrequencies: new Float32Array(16), scale: 1 }] }] }], // prettier-ignore
  ["a cache that is none", /cache is 2; there are 2/, withOp("attention", () => ({ cache: 2 }))],
  ["attention over its queries", /out and q share/, withOp("attention", ({ q }) => ({ out: q }))],
  ["an infinite scale", /scale is Infinity/, withOp("attention", () => ({ scale: Infinity }))],
  ["a gather between outputs", /input has a row for each of the outputs, not of the tokens/, withOp("gather", ({ out }) => ({ input: out }))], // prettier-ignore
  ["a gather into tokens", /out has a row for each of the tokens/, withOp("gather", ({ input }) => ({ out: input }))],
  ["logits that are not the vocabulary", /logits\.width/, withOp("sample", ({ logits }) => ({ logits: { ...logits, width: 99 } }))], // prettier-ignore
];

describe("checkProgram", () => {
  test("accepts what the bad ones are made from", () => {
    expect(() => checkProgram(good)).not.toThrow();
  });

  test.each(bad)("refuses %s", (_, refusal, program) => {
    expect(() => checkProgram(program)).toThrow(RequestError);
    expect(() => checkProgram(program)).toThrow(refusal);
  });
});

describe("checkBinding", () => {
  const weight: PreparedWeight = { kernel: "none", byteLength: 0, keepsBytes: false, [Symbol.dispose]() {} };
  const binding = {
    program: good,
    weights: good.weights.map(() => weight),
    vectors: [new Float32Array(16)],
    limits: { ...badStepLimits, pageSize: 16 },
  };

  test("accepts what fits", () => {
    expect(() => checkBinding(binding, 16)).not.toThrow();
  });

  test.each([
    ["a weight too few", /weights bound: 0/, { weights: [] }],
    ["a vector too many", /vectors bound: 2 instead of 1/, { vectors: [new Float32Array(16), new Float32Array(16)] }],
    ["a vector of another length", /vector vector0: values bound: 8 instead of 16/, { vectors: [new Float32Array(8)] }],
    ["another page size", /limits\.pageSize.*: 32 instead of 16/, { limits: { ...binding.limits, pageSize: 32 } }],
    ["limits of 0", /limits\.maxOutputs is 0/, { limits: { ...binding.limits, maxOutputs: 0 } }],
    ["a page count too few", /page kinds: 1 instead of 2/, { limits: { ...binding.limits, pageCounts: [1] } }],
    ["no pages", /pageCounts\[1\] is 0/, { limits: { ...binding.limits, pageCounts: [1, 0] } }],
    ["pages past int32", /pageCounts\[0\] \* pageSize is/, { limits: { ...binding.limits, pageCounts: [2 ** 30, 1] } }],
  ] as const)("refuses %s", (_, refusal, change) => {
    expect(() => checkBinding({ ...binding, ...change }, 16)).toThrow(refusal);
  });
});
