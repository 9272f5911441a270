import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/backend.ts";
import { float8Table } from "../../src/util/float8.ts";
import { blockLayouts } from "../../src/weights/blocks/block-type.ts";
import { codeOrderLimits } from "../../src/weights/code-order-limits.ts";
import { mixedBits } from "../../src/weights/mixed-groups.ts";
import { affineBits, codeOrders, zeroOrders, type PackedWeight } from "../../src/weights/packed-weight.ts";
import { availableImplementations, reference } from "./backends.ts";
import { evaluate, type Build } from "./evaluate.ts";
import { normalisedError } from "./normalised-error.ts";
import { blockTypes, randomBlocks } from "./random-blocks.ts";
import { randomCodebook, randomFloat8 } from "./random-coded.ts";
import { randomAffine, randomDense, randomMixed, randomSparse24 } from "./random-weight.ts";
import { Random } from "./random.ts";
import { linearTolerances } from "./tolerances.ts";

interface LinearCase {
  readonly label: string;
  readonly parts: readonly PackedWeight[];
  readonly rows: number;
  readonly bias?: boolean;
  readonly residual?: "in place" | "elsewhere";
  readonly glu?: boolean;
}

/** Every order and width of codes that exists, with the smallest shape that is at least as large and that it can hold. */
function* codeForms(inFeatures: number, outFeatures: number) {
  for (const order of codeOrders)
    for (const bits of affineBits) {
      const limits = codeOrderLimits(order, bits);
      if (!limits.bits.includes(bits)) continue;
      const upTo = (size: number, multiple: number): number => Math.ceil(size / multiple) * multiple;
      yield {
        order,
        bits,
        inFeatures: upTo(inFeatures, limits.inMultiple),
        outFeatures: upTo(outFeatures, limits.outMultiple),
      };
    }
}

/** Every order and width with every kind of group; in 160 of 416 groups the last is ragged. */
function* codeCases(random: Random): Generator<LinearCase> {
  for (const form of codeForms(416, 96))
    for (const groupSize of [16, 32, 64, 128, 160, Infinity])
      for (const reordered of [false, true]) {
        const zeros = random.below(2) === 0 ? undefined : "bytes";
        const scaleType = (["f16", "bf16", "f32"] as const)[random.below(3)];
        const rows = [1, 2, 4, 7, 17][random.below(5)];
        yield {
          label: `${form.bits} bit ${form.order}, groups of ${groupSize}, ${zeros ? "zero points" : "symmetric"}, scales ${scaleType}${reordered ? ", act-order" : ""}, ${rows} rows`,
          parts: [randomAffine(random, { ...form, groupSize, reordered, scaleType, ...(zeros && { zeros }) })],
          rows,
        };
      }
}

/** Every order of zero points, which knows nothing of the order of the codes. */
function* zeroCases(random: Random): Generator<LinearCase> {
  for (const zeros of zeroOrders)
    for (const bits of affineBits)
      for (const groupSize of [32, 160, Infinity]) {
        if (zeros === "lsb-n-minus-legacy" && bits !== 3) continue; // no such weight exists
        if (zeros === "lsb-n-minus-one" && (bits === 5 || bits === 6 || bits === 7)) continue;
        yield {
          label: `${bits} bit, groups of ${groupSize}, zeros ${zeros}`,
          parts: [randomAffine(random, { inFeatures: 416, outFeatures: 96, bits, groupSize, zeros })],
          rows: 2,
        };
      }
}

/** The smallest shape of every order, less than a block and a tile where it can be, and one past a block and a tile. */
function* edgeCases(random: Random): Generator<LinearCase> {
  for (const [inFeatures, outFeatures] of [
    [2, 2],
    [33, 8],
    [70, 17],
  ] as const)
    for (const form of codeForms(inFeatures, outFeatures))
      for (const groupSize of [32, Infinity])
        yield {
          label: `${form.bits} bit ${form.order} ${form.inFeatures} → ${form.outFeatures}, groups of ${groupSize}`,
          parts: [randomAffine(random, { ...form, groupSize })],
          rows: 3,
        };
}

function* sparseCases(random: Random): Generator<LinearCase> {
  for (const bits of [4, 8] as const)
    for (const [inFeatures, outFeatures, groupSize] of [
      [32, 64, Infinity],
      [256, 64, 128],
      [160, 192, 64], // the last group is ragged
      [384, 128, Infinity],
    ] as const)
      for (const rows of [1, 2, 5, 13])
        yield {
          label: `${bits} bit 2:4 ${inFeatures} → ${outFeatures}, groups of ${groupSize}, ${rows} rows`,
          parts: [randomSparse24(random, { inFeatures, outFeatures, bits, groupSize })],
          rows,
        };
  const shape = { inFeatures: 128, outFeatures: 64, bits: 4, groupSize: 128 } as const;
  yield { label: "two 2:4 parts", parts: [randomSparse24(random, shape), randomSparse24(random, shape)], rows: 3 };
}

/** All widths, in groups of one size and of several, that begin on a block and within one, ragged at the end. */
function* mixedCases(random: Random): Generator<LinearCase> {
  const falling = [...mixedBits].reverse();
  const grouped = (...sizes: readonly number[]) =>
    sizes.map((inputs, i) => ({ bits: falling[Math.min(i, falling.length - 1)], inputs }));
  const layouts = [
    ["groups of 32", grouped(32, 32, 32, 32, 32, 32)],
    ["groups of 128", grouped(128, 128, 128, 128, 128, 128, 40)],
    ["groups of 32, 64 and 96", grouped(32, 64, 96, 32, 64, 32, 32, 9)],
    ["groups of 192", grouped(192, 192, 192)],
    ["groups of 16", grouped(16, 48, 16, 32, 16, 16, 7)],
    ["groups of 1 to 39", grouped(39, 1, 30, 2, 33, 5, 31)],
    ["rising widths", grouped(32, 32, 64, 64, 32, 32).reverse()],
    ...mixedBits.map((bits) => [`one group of ${bits} bit`, [{ bits, inputs: 200 }]] as const),
    ["less than a block", [{ bits: 3, inputs: 5 }]],
  ] as const;
  for (const [label, groups] of layouts)
    for (const [outFeatures, rows, reordered] of [
      [48, 1, true],
      [40, 2, false],
      [17, 3, true],
      [64, 13, true],
      [96, 31, false],
    ] as const)
      yield {
        label: `${label} → ${outFeatures}${reordered ? ", reordered" : ""}, ${rows} rows`,
        parts: [randomMixed(random, groups, { outFeatures, reordered })],
        rows,
      };
  const groups = grouped(64, 64, 64, 32);
  yield { label: "padded outputs", parts: [randomMixed(random, groups, { outFeatures: 33, columns: 64 })], rows: 4 };
  const parts = [64, 64].map((outFeatures) => randomMixed(random, groups, { outFeatures }));
  const rowOrder = random.permutation(224);
  yield { label: "two parts, glu and bias", parts: parts.map((part) => ({ ...part, rowOrder })), rows: 6, glu: true, bias: true }; // prettier-ignore
  const others = randomMixed(random, grouped(32, 96, 32, 64), { outFeatures: 32 });
  yield { label: "two parts of other groups", parts: [parts[0], others], rows: 2 };
}

/** Where a kernel for more rows takes over, and one past it. */
function* rowCases(random: Random): Generator<LinearCase> {
  for (const rows of [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 24, 25, 31, 33, 64, 67]) {
    const shape = { inFeatures: 256, outFeatures: 128, groupSize: 64 };
    yield { label: `4 bit, ${rows} rows`, parts: [randomAffine(random, { ...shape, bits: 4, zeros: "lsb-n" })], rows };
    yield { label: `8 bit, ${rows} rows`, parts: [randomAffine(random, { ...shape, bits: 8 })], rows };
    yield { label: `dense f16, ${rows} rows`, parts: [randomDense(random, shape, "f16")], rows };
  }
}

/** Sizes around the tiles of 8, 16, 32 and 64 that kernels have. A code's bits times its count must fill words. */
function* shapeCases(random: Random): Generator<LinearCase> {
  for (const [inFeatures, outFeatures] of [
    [8, 1],
    [24, 3],
    [40, 15],
    [72, 17],
    [136, 33],
    [200, 50],
    [1000, 100],
  ] as const)
    for (const rows of [1, 9]) {
      const shape = { inFeatures, outFeatures };
      for (const type of ["f32", "f16", "bf16"] as const)
        yield { label: `dense ${type} ${inFeatures} → ${outFeatures}, ${rows} rows`, parts: [randomDense(random, shape, type)], rows }; // prettier-ignore
      for (const bits of [4, 8] as const)
        for (const groupSize of [32, 128])
          yield {
            label: `${bits} bit ${inFeatures} → ${outFeatures}, groups of ${groupSize}, ${rows} rows`,
            parts: [randomAffine(random, { ...shape, bits, groupSize })],
            rows,
          };
    }
  for (const [bits, inFeatures, outFeatures] of [
    [2, 48, 16],
    [3, 96, 32],
    [3, 32, 64],
    [4, 24, 8],
    [8, 20, 4],
  ] as const)
    yield {
      label: `${bits} bit ${inFeatures} → ${outFeatures} with zero points`,
      parts: [randomAffine(random, { inFeatures, outFeatures, bits, groupSize: 32, zeros: "lsb-n-minus-one" })],
      rows: 3,
    };
}

function* epilogueCases(random: Random): Generator<LinearCase> {
  for (const bias of [false, true])
    for (const residual of [undefined, "in place", "elsewhere"] as const)
      for (const glu of [false, true])
        for (const rows of [1, 5, 40])
          for (const scheme of ["affine", "dense"]) {
            const shape = { inFeatures: 128, outFeatures: 72 };
            const part = scheme === "dense" ? randomDense(random, shape, "bf16") : randomAffine(random, { ...shape, bits: 4, groupSize: 64 }); // prettier-ignore
            const label = `${scheme}${bias ? ", bias" : ""}${residual ? `, residual ${residual}` : ""}${glu ? ", glu" : ""}, ${rows} rows`;
            yield { label, parts: [part], rows, bias, glu, ...(residual && { residual }) };
          }
}

function* fusedCases(random: Random): Generator<LinearCase> {
  const inFeatures = 192;
  const rowOrder = random.permutation(inFeatures);
  for (const rows of [1, 6, 20]) {
    const shape = { inFeatures, bits: 4, groupSize: 64, zeros: "lsb-n-minus-one" } as const;
    yield {
      label: `three 4-bit parts, bias, ${rows} rows`,
      parts: [96, 32, 32].map((outFeatures) => randomAffine(random, { ...shape, outFeatures })),
      rows,
      bias: true,
    };
    yield {
      label: `two 4-bit parts of one act-order, glu, ${rows} rows`,
      parts: [80, 80].map((outFeatures) => ({ ...randomAffine(random, { ...shape, outFeatures }), rowOrder })),
      rows,
      glu: true,
    };
    yield {
      label: `two dense parts, glu and bias, ${rows} rows`,
      parts: [48, 48].map((outFeatures) => randomDense(random, { inFeatures, outFeatures }, "f16")),
      rows,
      bias: true,
      glu: true,
    };
    yield {
      label: `parts of other outputs than tiles have, ${rows} rows`,
      parts: [40, 8].map((outFeatures) => randomAffine(random, { ...shape, outFeatures })),
      rows,
    };
  }
}

/** Every type of block: one block, some blocks and ragged outputs, and what a kernel takes at once and one more of inputs, outputs and rows. */
function* blockCases(random: Random): Generator<LinearCase> {
  for (const type of blockTypes) {
    const { values } = blockLayouts[type];
    const shapes = [
      [values, 17, 1],
      [3 * values, 40, 5],
      [256 + values, 17, 98],
    ] as const;
    for (const [inFeatures, outFeatures, rows] of shapes)
      yield {
        label: `${type} ${inFeatures} → ${outFeatures}, ${rows} rows`,
        parts: [randomBlocks(random, type, { inFeatures, outFeatures })],
        rows,
      };
  }
  for (const rows of [1, 2, 3, 4, 6, 8, 12, 13, 95, 96, 97, 193])
    for (const type of ["Q4_0", "Q4_K", "Q6_K", "Q8_0"] as const)
      yield { label: `${type}, ${rows} rows`, parts: [randomBlocks(random, type, { inFeatures: 512, outFeatures: 48 })], rows }; // prettier-ignore
  for (const [rows, glu] of [
    [1, true],
    [6, false],
    [101, true],
  ] as const)
    for (const type of ["NVFP4", "Q5_K", "IQ2_S"] as const)
      yield {
        label: `two ${type} parts with factors, bias${glu ? ", glu" : ""}, ${rows} rows`,
        parts: [0.5, 3].map((factor) => ({
          ...randomBlocks(random, type, { inFeatures: 256, outFeatures: 48 }),
          factor,
        })),
        rows,
        bias: true,
        glu,
        residual: "in place",
      };
}

/** Scales of the weight, of outputs, of groups and of blocks, whole and ragged; rows on both sides of where tiles are dequantized first. */
function* codedCases(random: Random): Generator<LinearCase> {
  const types = ["e4m3fn", "e5m2", "e4m3fnuz", "e5m2fnuz"] as const;
  for (const [inFeatures, outFeatures] of [
    [1, 1],
    [33, 17],
    [256, 48],
    [300, 130],
  ] as const)
    for (const [scaleRows, groupSize] of [
      [Infinity, Infinity],
      [1, Infinity],
      [1, 32],
      [1, 7],
      [128, 128],
      [3, 48],
    ] as const) {
      const type = types[random.below(4)];
      const divides = random.below(3) === 0;
      const rows = [1, 2, 3, 5, 8, 13, 30][random.below(7)];
      yield {
        label: `${type} ${inFeatures} → ${outFeatures}, scales ${divides ? "that divide " : ""}of ${scaleRows} × ${groupSize}, ${rows} rows`,
        parts: [randomFloat8(random, { inFeatures, outFeatures, type, scaleRows, groupSize, divides })],
        rows,
      };
    }
  for (const rows of [1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 24])
    for (const type of types)
      yield { label: `${type}, ${rows} rows`, parts: [randomFloat8(random, { inFeatures: 192, outFeatures: 48, type, groupSize: 128 })], rows }; // prettier-ignore
  const nvfp4Scales = float8Table("e4m3fn").map((scale) => scale / 448 / 3);
  for (const [inFeatures, outFeatures] of [
    [64, 16],
    [96, 50], // groups of 64 cross rows
    [320, 130],
  ] as const)
    for (const [name, groupSize, evenNibble, scaleTable] of [
      ["nf4", 64, "high", undefined],
      ["fp4", 128, "high", undefined],
      ["e2m1", 32, "low", float8Table("e8m0")],
      ["e2m1", 16, "low", nvfp4Scales],
    ] as const)
      for (const rows of [1, 2, 9, 20])
        yield {
          label: `${name} ${inFeatures} → ${outFeatures}, groups of ${groupSize}, ${rows} rows`,
          parts: [randomCodebook(random, { inFeatures, outFeatures, name, groupSize, evenNibble, ...(scaleTable && { scaleTable }) })],
          rows,
        }; // prettier-ignore
  for (const rows of [1, 6, 19]) {
    const shape = { inFeatures: 128, outFeatures: 48 };
    const epilogue = { rows, bias: true, glu: true, residual: "in place" } as const;
    const e8m0 = float8Table("e8m0");
    yield { label: `two float8 parts, glu, ${rows} rows`, parts: [Infinity, 16].map((scaleRows) => randomFloat8(random, { ...shape, scaleRows })), ...epilogue }; // prettier-ignore
    yield { label: `two float8 parts, of which one divides, ${rows} rows`, parts: [false, true].map((divides) => randomFloat8(random, { ...shape, divides })), ...epilogue }; // prettier-ignore
    yield { label: `two e2m1 parts, glu, ${rows} rows`, parts: [0, 1].map(() => randomCodebook(random, { ...shape, name: "e2m1", groupSize: 32, scaleTable: e8m0 })), ...epilogue }; // prettier-ignore
    yield { label: `two parts of other codebooks, ${rows} rows`, parts: [0, 1].map(() => randomCodebook(random, { ...shape, name: "nf4", groupSize: 64 })), ...epilogue }; // prettier-ignore
  }
  for (const rows of [1, 7])
    yield {
      label: `8 bit affine with a divisor, ${rows} rows`,
      parts: [{ ...randomAffine(random, { inFeatures: 160, outFeatures: 50, bits: 8, groupSize: Infinity, order: "byte-rows", scaleType: "f32" }), divisor: 127 }],
      rows,
    }; // prettier-ignore
}

// Each list draws from a seed of its own, so that a case more in one changes nothing in the others.
const suites: readonly (readonly [name: string, cases: readonly LinearCase[]])[] = [
  ["codes and groups", [...codeCases(new Random(1))]],
  ["zero points", [...zeroCases(new Random(6))]],
  ["mixed widths", [...mixedCases(new Random(10))]],
  ["2:4", [...sparseCases(new Random(9))]],
  ["edges", [...edgeCases(new Random(8))]],
  ["rows", [...rowCases(new Random(2))]],
  ["shapes", [...shapeCases(new Random(3))]],
  ["epilogues", [...epilogueCases(new Random(4))]],
  ["fused parts", [...fusedCases(new Random(5))]],
  ["blocks", [...blockCases(new Random(9))]],
  ["coded", [...codedCases(new Random(10))]],
];

function build({ parts, rows, bias, glu, residual }: LinearCase): Build {
  const data = new Random(7);
  const [{ inFeatures }] = parts;
  const outFeatures = parts.reduce((sum, part) => sum + part.outFeatures, 0);
  const width = glu === true ? outFeatures / 2 : outFeatures;
  const x = data.normals(rows * inFeatures);
  const biases = data.normals(outFeatures);
  const residuals = data.normals(rows * width);
  return (program) => {
    const weight = program.weight(...parts);
    const input = program.input(x, inFeatures);
    const added = residual && program.input(residuals, width);
    const out = residual === "in place" && added ? added : program.buffer(width);
    program.op({
      op: "linear",
      input,
      weight,
      out,
      ...(bias === true && { bias: program.vector(biases) }),
      ...(glu === true && { glu: "silu" }),
      ...(added && { residual: added }),
    });
    return out;
  };
}

const expected = new Map<LinearCase, Float32Array>();
beforeAll(async () => {
  await using device = await reference.open();
  for (const [, cases] of suites)
    for (const each of cases) expected.set(each, await evaluate(device, build(each), { lengths: [each.rows] }));
});

for (const implementation of (await availableImplementations()).slice(1))
  describe(`linear on ${implementation.label}`, () => {
    let device: Device;
    beforeAll(async () => (device = await implementation.open()));
    afterAll(() => device[Symbol.asyncDispose]());

    describe.each(suites)("%s", (_, cases) => {
      test.for(cases)("$label", async (each, { skip }) => {
        const [{ scheme, outFeatures }] = each.parts;
        if (implementation.activations === "int8" && scheme !== "dense" && each.rows * outFeatures === 1)
          skip("one sum alone may cancel: any rounding of its inputs is large beside it");
        const refusal = device.refusesToFuse(each.parts);
        if (refusal !== undefined) {
          // The compile step keeps such parts apart; all that is promised is that they are not multiplied wrongly.
          await expect(device.prepare(each.parts)).rejects.toThrow(refusal);
          return;
        }
        const found = await evaluate(device, build(each), { lengths: [each.rows] });
        const { nmse, gatedNmse = nmse } = linearTolerances[scheme][implementation.activations];
        const most = each.glu === true ? gatedNmse : nmse;
        expect(normalisedError(found, expected.get(each) ?? new Float32Array(0))).toBeLessThan(most);
      });
    });
  });
