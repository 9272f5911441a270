import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/backend.ts";
import type { Op, View } from "../../src/device/program.ts";
import { blockLayouts } from "../../src/weights/blocks/block-type.ts";
import type { PackedWeight } from "../../src/weights/packed-weight.ts";
import { availableImplementations, reference } from "./backends.ts";
import { evaluate, type Build } from "./evaluate.ts";
import { normalisedError } from "./normalised-error.ts";
import { blockTypes, randomBlocks } from "./random-blocks.ts";
import type { ProgramBuilder } from "./program-builder.ts";
import { randomAffine, randomDense } from "./random-weight.ts";
import { Random } from "./random.ts";
import { f32Tolerance } from "./tolerances.ts";

interface OpCase {
  readonly label: string;
  readonly rows: number;
  readonly build: Build;
}

/** Ops that widen and copy give the oracle's very bits; sums and exponentials may round otherwise. */
const exact = { nmse: Number.MIN_VALUE, why: "no arithmetic: nothing may differ" };

const random = new Random(99);

function slice(view: View, offset: number, width: number): View {
  return { ...view, offset: view.offset + offset, width };
}

/** Every row of a table. */
const embedCase = (label: string, table: PackedWeight): OpCase => ({
  label,
  rows: table.outFeatures,
  build: (program) => {
    const out = program.buffer(table.inFeatures);
    program.op({ op: "embed", table: program.weight(table), out });
    return out;
  },
});

const embedCases: readonly OpCase[] = [
  ...(["f32", "f16", "bf16"] as const).flatMap((type) =>
    [1, 17, 64].map((width) =>
      embedCase(`embed ${type}, rows of ${width}`, randomDense(random, { inFeatures: width, outFeatures: 70 }, type)),
    ),
  ),
  ...[false, true].map((reordered) =>
    embedCase(
      `embed 4-bit affine-zero${reordered ? ", act-order" : ""}`,
      randomAffine(random, { inFeatures: 64, outFeatures: 70, bits: 4, groupSize: 32, zeros: "bytes", reordered }),
    ),
  ),
  ...blockTypes.map((type) => {
    const { values } = blockLayouts[type];
    const inFeatures = Math.max(values, 64);
    return embedCase(`embed ${type}`, randomBlocks(random, type, { inFeatures, outFeatures: inFeatures + 6 }));
  }),
  embedCase("embed NVFP4 with a factor", {
    ...randomBlocks(random, "NVFP4", { inFeatures: 64, outFeatures: 70 }),
    factor: Math.fround(1 / 3),
  }),
];

const gatherCases: readonly OpCase[] = [1, 5, 100].map((rows) => {
  const x = random.normals(rows * 33);
  return { label: `gather of ${rows} rows`, rows, build: (program) => slice(program.input(x, 33), 5, 28) };
});

const normCases: readonly OpCase[] = (
  [
    [1, 1],
    [16, 16],
    [17, 17],
    [576, 576],
    [896, 896],
    [192, 64],
    [120, 40],
    [80, 16],
    [4096, 4096],
  ] as const
).flatMap(
  // prettier-ignore
  ([width, groupWidth]) =>
    [1, 3, 20].flatMap((rows) =>
      [true, false].map((inPlace): OpCase => {
        const x = random.normals(rows * width, 10 ** (random.below(5) - 2));
        const weight = random.normals(groupWidth);
        return {
          label: `rms-norm of ${width} by ${groupWidth}, ${rows} rows${inPlace ? ", in place" : ""}`,
          rows,
          build: (program) => {
            const input = program.input(x, width);
            const out = inPlace ? input : program.buffer(width);
            program.op({ op: "rms-norm", input, weight: program.vector(weight), groupWidth, eps: 1e-6, out });
            return out;
          },
        };
      }),
    ),
);

const zeros: OpCase = {
  label: "rms-norm of zeros and of tiny numbers",
  rows: 2,
  build: (program) => {
    const x = program.input(
      Float32Array.from({ length: 64 }, (_, i) => (i < 32 ? 0 : 1e-20 * (i - 40))),
      32,
    );
    const weight = program.vector(new Float32Array(32).fill(1));
    program.op({ op: "rms-norm", input: x, weight, groupWidth: 32, eps: 1e-5, out: x });
    return x;
  },
};

const gluCases: readonly OpCase[] = [1, 16, 33, 1536].flatMap((width) =>
  [1, 6].flatMap((rows) =>
    (["gate", "up", "elsewhere"] as const).map((where): OpCase => {
      const gates = random.normals(rows * width, 8);
      const ups = random.normals(rows * width);
      return {
        label: `glu of ${width}, ${rows} rows, out ${where}`,
        rows,
        build: (program) => {
          const both = program.buffer(2 * width);
          const gate = program.input(gates, width, slice(both, 0, width));
          const up = program.input(ups, width, slice(both, width, width));
          const out = { gate, up, elsewhere: program.buffer(width) }[where];
          program.op({ op: "glu", activation: "silu", gate, up, out });
          return out;
        },
      };
    }),
  ),
);

const extremes: OpCase = {
  label: "glu of gates that saturate",
  rows: 1,
  build: (program) => {
    const gates = Float32Array.of(0, -0, 1e-30, 20, -20, 88, -88, 89, -89, 104, -104, 1e4, -1e4, 1e30, -1e30, 3);
    const gate = program.input(gates, 16);
    const ups = gates.map((x) => 1 / Math.max(1, Math.abs(x))); // so that every product weighs the same in the error
    program.op({ op: "glu", activation: "silu", gate, up: program.input(ups, 16), out: gate });
    return gate;
  },
};

const widths = [1, 16, 33, 300] as const;

/** Ops from one view to another of its shape, in place and elsewhere. */
function mapCases(
  label: string,
  deviation: number,
  op: (program: ProgramBuilder, input: View, out: View) => Op,
): readonly OpCase[] {
  return widths.flatMap((width) =>
    [true, false].map((inPlace): OpCase => {
      const x = random.normals(7 * width, deviation);
      return {
        label: `${label} of ${width}${inPlace ? ", in place" : ""}`,
        rows: 7,
        build: (program) => {
          const input = program.input(x, width);
          const out = inPlace ? input : program.buffer(width);
          program.op(op(program, input, out));
          return out;
        },
      };
    }),
  );
}

const layerNormCases = mapCases("layer-norm", 5, (program, input, out) => ({
  op: "layer-norm",
  input,
  weight: program.vector(new Random(2).normals(input.width)),
  bias: program.vector(new Random(3).normals(input.width)),
  eps: 1e-5,
  out,
}));

const activations = ["silu", "gelu", "gelu-tanh"] as const;

const activateCases = [0.01, 1, 6].flatMap((deviation) => [
  ...activations.flatMap((activation) =>
    mapCases(`${activation}, deviation ${deviation}`, deviation, (_, input, out) => ({
      op: "activate",
      activation,
      input,
      out,
    })),
  ),
  ...mapCases(`soft-cap at 4, deviation ${deviation}`, deviation, (_, input, out) => ({
    op: "soft-cap",
    cap: 4,
    input,
    out,
  })),
]);

const gluKinds = (["gelu", "gelu-tanh", { clampedAt: 1.5 }] as const).flatMap((activation) =>
  widths.map((width): OpCase => {
    const [gates, ups] = [4, 2].map((deviation) => random.normals(5 * width, deviation));
    return {
      label: `glu of ${width}, ${JSON.stringify(activation)}`,
      rows: 5,
      build: (program) => {
        const gate = program.input(gates, width);
        program.op({ op: "glu", activation, gate, up: program.input(ups, width), out: gate });
        return gate;
      },
    };
  }),
);

const addCases = [true, false].flatMap((isGated) =>
  widths.map((width): OpCase => {
    const [x, y, gates] = [width, width, 1].map((columns) => random.normals(9 * columns, 2));
    return {
      label: `add of ${width}${isGated ? ", gated" : ""}`,
      rows: 9,
      build: (program) => {
        const residual = program.input(y, width);
        const gate = isGated ? { gate: program.input(gates, 1) } : {};
        program.op({ op: "add", input: program.input(x, width), ...gate, residual, out: residual });
        return residual;
      },
    };
  }),
);

const scaledEmbed: OpCase = {
  label: "embed with a scale",
  rows: 8,
  build: (program) => {
    const out = program.buffer(24);
    const table = randomDense(new Random(7), { inFeatures: 24, outFeatures: 24 }, "bf16");
    program.op({ op: "embed", table: program.weight(table), scale: Math.sqrt(24), out });
    return out;
  },
};

const regroupCases = (
  [
    [3, 16, 4],
    [2, 1, 40],
    [2, 20, 3],
  ] as const
).map(([parts, groupWidth, groups]): OpCase => {
  const width = parts * groupWidth * groups;
  const x = random.normals(6 * width);
  return {
    label: `regroup ${groups} groups of ${parts} parts by ${groupWidth}`,
    rows: 6,
    build: (program) => {
      const out = program.buffer(width);
      program.op({ op: "regroup", input: program.input(x, width), parts, groupWidth, out });
      return out;
    },
  };
});

const routeCases = (["softmax", "normalized"] as const).flatMap((weighting) =>
  (
    [
      [4, 2],
      [6, 6],
      [128, 8],
      [1, 1],
    ] as const
  ).map(([experts, choices]): OpCase => {
    const logits = random.normals(11 * experts, 3);
    if (experts > 1) logits[1] = logits[0] = 20; // equals: the first goes first
    return {
      label: `route to ${choices} of ${experts}, ${weighting}`,
      rows: 11,
      build: (program) => {
        const out = program.buffer(2 * choices);
        program.op({ op: "route", logits: program.input(logits, experts), weighting, out });
        return out;
      },
    };
  }),
);

const suites = [
  [exact, [...embedCases, ...gatherCases, ...regroupCases]],
  [
    f32Tolerance,
    [
      ...normCases,
      zeros,
      ...gluCases,
      extremes,
      ...layerNormCases,
      ...activateCases,
      ...gluKinds,
      ...addCases,
      scaledEmbed,
      ...routeCases,
    ],
  ],
] as const;

const expected = new Map<OpCase, Float32Array>();
beforeAll(async () => {
  await using device = await reference.open();
  for (const [, cases] of suites)
    for (const each of cases) expected.set(each, await evaluate(device, each.build, { lengths: [each.rows] }));
});

for (const implementation of (await availableImplementations()).slice(1))
  describe(`ops without products on ${implementation.label}`, () => {
    let device: Device;
    beforeAll(async () => (device = await implementation.open()));
    afterAll(() => device[Symbol.asyncDispose]());

    for (const [{ nmse }, cases] of suites)
      test.for(cases)("$label", async (each) => {
        const found = await evaluate(device, each.build, { lengths: [each.rows] });
        expect(normalisedError(found, expected.get(each) ?? new Float32Array(0))).toBeLessThan(nmse);
      });
  });
