import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/backend.ts";
import type { View } from "../../src/device/program.ts";
import type { AffineZeroWeight } from "../../src/weights/packed-weight.ts";
import { availableHalves, reference } from "./backends.ts";
import { evaluate } from "./evaluate.ts";
import { normalisedError } from "./normalised-error.ts";
import type { ProgramBuilder } from "./program-builder.ts";
import { randomAffine } from "./random-weight.ts";
import { Random } from "./random.ts";
import { halfTolerances } from "./tolerances.ts";

interface HalfCase {
  readonly label: string;
  readonly weights: readonly AffineZeroWeight[];
  /** Rows of every step: kernels change with their number. */
  readonly rows: readonly number[];
  readonly norm?: boolean;
  readonly bias?: boolean;
  readonly residual?: boolean;
  readonly glu?: boolean;
}

const everyKernel = [1, 2, 3, 4, 5, 8, 9, 17, 33, 65] as const;

function* cases(random: Random): Generator<HalfCase> {
  for (const bits of [2, 3, 4, 8] as const)
    for (const groupSize of [32, 64, 128, 256])
      for (const zeros of [undefined, "bytes"] as const)
        for (const scaleType of ["f16", "bf16"] as const) {
          // Records of 128 inputs: fewer than a block has warps, one more than these, some for every warp with a ragged end.
          const inFeatures = [224, 17 * 128, 1056][random.below(3)];
          const reordered = random.below(3) === 0;
          const weights = [randomAffine(random, { inFeatures, outFeatures: 176, bits, groupSize, reordered, scaleType, ...(zeros && { zeros }) })]; // prettier-ignore
          const label = `${bits} bit, ${inFeatures} inputs in groups of ${groupSize}, ${zeros ? "zero points" : "symmetric"}, scales ${scaleType}${reordered ? ", act-order" : ""}`;
          yield { label, weights, rows: everyKernel, norm: random.below(2) === 0, bias: random.below(2) === 0 };
        }
  const weightOf = (outFeatures: number, reordered = false): AffineZeroWeight =>
    randomAffine(random, { inFeatures: 1024, outFeatures, bits: 4, groupSize: 128, reordered });
  for (const norm of [false, true]) {
    const label = norm ? "behind a norm" : "by itself";
    yield { label: `a gate, ${label}`, weights: [weightOf(512)], rows: everyKernel, norm, glu: true, bias: true };
    yield { label: `a residual, ${label}`, weights: [weightOf(1024)], rows: everyKernel, norm, residual: true };
    yield { label: `two, ${label}`, weights: [weightOf(512), weightOf(512)], rows: [1, 8, 20], norm };
    // More outputs than every multiprocessor has tiles at once, and sums for.
    yield { label: `many outputs, ${label}`, weights: [weightOf(40_000)], rows: [1, 8], norm };
    yield { label: `in another order, ${label}`, weights: [weightOf(64, true)], rows: everyKernel, norm };
  }
}

const allCases = [...cases(new Random(71))];
const halves = await availableHalves();

/** The sum of all products with `x`, of its norm where there is one. */
function build(program: ProgramBuilder, { weights, norm, bias, residual, glu }: HalfCase, x: Float32Array): View {
  const random = new Random(72);
  const [{ inFeatures, outFeatures }] = weights;
  const raw = program.input(x, inFeatures);
  const normed = norm ? program.buffer(inFeatures) : raw;
  if (norm) {
    const weight = program.vector(random.normals(inFeatures));
    program.op({ op: "rms-norm", input: raw, weight, groupWidth: inFeatures, eps: 1e-5, out: normed });
  }
  let sum: View | undefined;
  for (const weight of weights) {
    // What a linear reads it may not write, but through a norm.
    const out = residual && norm ? raw : program.buffer(glu ? outFeatures / 2 : outFeatures);
    program.op({
      op: "linear",
      input: normed,
      weight: program.weight(weight),
      out,
      ...(bias && { bias: program.vector(random.normals(outFeatures)) }),
      ...(residual && { residual: raw }),
      ...(glu && { glu: "silu" as const }),
    });
    if (sum !== undefined) program.op({ op: "add", input: sum, residual: out, out });
    sum = out;
  }
  return sum!;
}

describe.runIf(halves.length > 0)("affine linears of halves", () => {
  let oracle: Device;
  beforeAll(async () => (oracle = await reference.open()));
  afterAll(() => oracle[Symbol.asyncDispose]());

  for (const half of halves)
    describe(half.label, () => {
      let device: Device;
      beforeAll(async () => (device = await half.open()));
      afterAll(() => device[Symbol.asyncDispose]());

      test.each(allCases)("$label", async (each) => {
        for (const rows of each.rows) {
          const x = new Random(rows).normals(rows * each.weights[0].inFeatures);
          const found = await evaluate(device, (program) => build(program, each, x), { lengths: [rows] });
          const expected = await evaluate(oracle, (program) => build(program, each, x), { lengths: [rows] });
          expect(normalisedError(found, expected), `${rows} rows`).toBeLessThan(halfTolerances[half.dtype].nmse);
        }
      });
    });
});
