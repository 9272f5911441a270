import type { RopeSpec } from "../../src/device/program.ts";
import type { Build, Schedule } from "./evaluate.ts";
import { Random } from "./random.ts";

export interface AttentionCase {
  readonly label: string;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly rotaryDim?: number;
  readonly window?: number;
  readonly variants?: number;
  readonly softCap?: number;
  readonly sinks?: boolean;
  /** True: nothing is rotated. */
  readonly unrotated?: boolean;
  readonly schedule: Schedule;
}

/** Around the borders of pages of 16 and of 32. */
const lengths = [1, 2, 15, 16, 17, 31, 32, 33, 100];

/** Around the borders of the segments of 128 that native/cpu attends to at once, and of their runs. */
const longLengths = [127, 128, 129, 513];

const chunked: Schedule = {
  lengths: [70, 5, 40],
  steps: [
    [{ sequence: 0, count: 33 }],
    [{ sequence: 0, count: 1 }, { sequence: 2, count: 16 }], // prettier-ignore
    [{ sequence: 1, count: 5 }, { sequence: 2, count: 23 }, { sequence: 0, count: 15 }], // prettier-ignore
    [{ sequence: 0, count: 21 }, { sequence: 2, count: 1 }], // prettier-ignore
  ],
  pageSeed: 5,
};

const heads = { heads: 4, kvHeads: 2, headDim: 64 };

export const attentionCases: readonly AttentionCase[] = [
  ...[...lengths, ...longLengths].map((length) => ({
    label: `${length} positions`,
    ...heads,
    schedule: { lengths: [length] },
  })),
  ...[...lengths, ...longLengths].map((length) => ({
    label: `one token after ${length} positions`,
    ...heads,
    schedule: {
      lengths: [length + 1],
      steps: [[{ sequence: 0, count: length }], [{ sequence: 0, count: 1 }]],
    },
  })),
  ...(
    [
      [1, 1],
      [3, 3],
      [3, 1],
      [4, 2],
      [9, 3],
      [14, 2],
      [8, 1],
      [16, 1],
    ] as const
  ).flatMap(([heads, kvHeads]) =>
    [16, 40, 64, 128].map((headDim) => ({
      label: `${heads} heads on ${kvHeads} of ${headDim}`,
      heads,
      kvHeads,
      headDim,
      schedule: { lengths: [37, 3], pageSeed: 2 },
    })),
  ),
  ...[256, 80, 96, 2].map((headDim) => ({
    label: `heads of ${headDim}`,
    heads: 2,
    kvHeads: 1,
    headDim,
    schedule: chunked,
  })),
  ...(
    [
      [64, 16],
      [64, 2],
      [40, 32],
      [128, 96],
      [96, 24],
    ] as const
  ).map(([headDim, rotaryDim]) => ({
    label: `a rotation of ${rotaryDim} of ${headDim}`,
    heads: 2,
    kvHeads: 1,
    headDim,
    rotaryDim,
    schedule: { lengths: [50] },
  })),
  ...[1, 2, 16, 17, 31, 32, 33, 64, 1000].map((window) => ({
    label: `a window of ${window}`,
    ...heads,
    window,
    schedule: chunked,
  })),
  ...[100, 128, 300].map((window) => ({
    label: `a window of ${window} on a long context`,
    ...heads,
    window,
    schedule: { lengths: [600], steps: [598, 1, 1].map((count) => [{ sequence: 0, count }]) },
  })),
  ...[0.5, 50].map((softCap) => ({ label: `scores capped at ${softCap}`, ...heads, softCap, schedule: chunked })),
  { label: "sinks", ...heads, sinks: true, schedule: chunked },
  { label: "sinks beside a window", ...heads, sinks: true, window: 17, schedule: chunked },
  { label: "no positions", ...heads, unrotated: true, schedule: chunked },
  {
    label: "two rope variants in one step",
    ...heads,
    variants: 2,
    schedule: { ...chunked, ropeVariants: [1, 0, 1] },
  },
  {
    label: "eight sequences of different lengths",
    ...heads,
    schedule: { lengths: [33, 1, 17, 64, 2, 100, 16, 48], pageSeed: 9 },
  },
  {
    label: "eight sequences, one token each",
    ...heads,
    schedule: {
      lengths: [33, 1, 17, 64, 2, 100, 16, 48],
      steps: [
        [33, 1, 17, 64, 2, 100, 16, 48].map((length, sequence) => ({ sequence, count: length - 1 })).filter(({ count }) => count > 0), // prettier-ignore
        [7, 6, 5, 4, 3, 2, 1, 0].map((sequence) => ({ sequence, count: 1 })),
      ],
      pageSeed: 4,
    },
  },
  // More tokens in a step than decoding has, in every width that has kernels of its own.
  ...[32, 64, 80, 128, 256].map((headDim) => ({
    label: `70 and 9 positions in heads of ${headDim}`,
    heads: 3,
    kvHeads: 1,
    headDim,
    window: 40,
    schedule: { lengths: [70, 9], pageSeed: 6 },
  })),
  { label: "a long context", heads: 2, kvHeads: 1, headDim: 32, schedule: { lengths: [700, 300], pageSeed: 3 } },
];

/** The rotation, then the attention, of normal numbers. */
export function buildAttention({
  heads,
  kvHeads,
  headDim,
  rotaryDim = headDim,
  window,
  variants = 1,
  softCap,
  sinks = false,
  unrotated = false,
  schedule,
}: AttentionCase): Build {
  const random = new Random(11);
  const rows = schedule.lengths.reduce((sum, length) => sum + length, 0);
  const data = [heads, kvHeads, kvHeads].map((count) => random.normals(rows * count * headDim));
  const rope: RopeSpec = {
    rotaryDim,
    variants: Array.from({ length: variants }, (_, variant) => ({
      inverseFrequencies: Float32Array.from({ length: rotaryDim / 2 }, (_, i) => 1e4 ** ((-2 * i) / rotaryDim) / (1 + 3 * variant)), // prettier-ignore
      scale: 1 + 0.2 * variant,
    })),
  };
  return (program) => {
    // Side by side in one buffer, as the linear that makes all three leaves them.
    const qkv = program.buffer((heads + 2 * kvHeads) * headDim);
    const widths = [heads, kvHeads, kvHeads].map((count) => count * headDim);
    const [q, k, v] = widths.map((width, i) =>
      program.input(data[i], width, {
        ...qkv,
        offset: qkv.offset + widths.slice(0, i).reduce((sum, before) => sum + before, 0),
        width,
      }),
    );
    const cache = program.cache({ kvHeads, headDim }, window === undefined ? {} : { window });
    const out = program.buffer(heads * headDim);
    program.op({ op: "rope-write", q, k, v, ...(!unrotated && { rope: program.rope(rope) }), cache });
    program.op({
      op: "attention",
      q,
      cache,
      scale: headDim ** -0.5,
      ...(softCap !== undefined && { softCap }),
      // From a sink that hardly counts to one that takes nearly all.
      ...(sinks && { sinks: program.vector(Float32Array.from({ length: heads }, (_, i) => 4 * i - 5)) }),
      out,
    });
    return out;
  };
}
