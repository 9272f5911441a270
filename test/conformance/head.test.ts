import { describe, expect, test } from "vitest";
import { createCpuBackend } from "../../src/backends/cpu/cpu-backend.node.ts";
import type { HeadType } from "../../src/device/backend.ts";
import type { DenseWeight } from "../../src/weights/packed-weight.ts";
import { availableImplementations, reference } from "./backends.ts";
import { evaluate, type Build } from "./evaluate.ts";
import { normalisedError } from "./normalised-error.ts";
import { randomDense } from "./random-weight.ts";
import { Random } from "./random.ts";
import { f32Tolerance, roundedHeadTolerance, roundedTableTolerance } from "./tolerances.ts";

// Heads that files have in floats: rounded when they are prepared, or kept.

const rows = 7;
const random = new Random(23);
const heads = (["f16", "bf16", "f32"] as const).flatMap((type) =>
  // Whole groups of 128, of 96, of 64, and of 32; outputs that fill their tiles, and that do not.
  [
    [256, 64],
    [96, 133],
    [64, 7],
    [160, 200],
  ].map(([inFeatures, outFeatures]) => randomDense(random, { inFeatures, outFeatures }, type)),
);

const logits = (head: DenseWeight): Build => {
  const x = new Random(7).normals(rows * head.inFeatures);
  return (program) => {
    const out = program.buffer(head.outFeatures);
    program.op({ op: "linear", input: program.input(x, head.inFeatures), weight: program.head(head), out });
    return out;
  };
};

const lookUp = (head: DenseWeight): Build => {
  return (program) => {
    const out = program.buffer(head.inFeatures);
    program.op({ op: "embed", table: program.head(head), out });
    return out;
  };
};

async function errorOf(
  isa: "portable" | "avx2" | "avx512" | "neon",
  headType: HeadType,
  build: Build,
): Promise<number> {
  await using device = await createCpuBackend({ isa }).open({ threads: 2, activations: "int8", headType });
  await using oracle = await reference.open();
  const schedule = { lengths: [rows] };
  return normalisedError(await evaluate(device, build, schedule), await evaluate(oracle, build, schedule));
}

const sets = (await availableImplementations()).flatMap(({ label }) => /^cpu (\w+) int8$/.exec(label)?.[1] ?? []);
for (const isa of sets as ("portable" | "avx2" | "avx512" | "neon")[])
  describe(`a dense head on cpu ${isa}`, () => {
    test.each(heads)("$type $inFeatures → $outFeatures", async (head) => {
      const error = await errorOf(isa, "int8", logits(head));
      expect(error).toBeLessThan(roundedHeadTolerance.nmse);
      expect(error).toBeGreaterThan(f32Tolerance.nmse);
      expect(await errorOf(isa, "keep", logits(head))).toBeLessThan(f32Tolerance.nmse);
    });

    test.each(heads.filter(({ inFeatures, outFeatures }) => outFeatures >= inFeatures))(
      "the embedding that is tied to $type $inFeatures → $outFeatures",
      async (head) => {
        expect(await errorOf(isa, "int8", lookUp(head))).toBeLessThan(roundedTableTolerance.nmse);
        expect(await errorOf(isa, "keep", lookUp(head))).toBe(0);
      },
    );
  });
