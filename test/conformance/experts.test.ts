import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/backend.ts";
import type { Glu, View } from "../../src/device/program.ts";
import type { PackedWeight } from "../../src/weights/packed-weight.ts";
import { availableImplementations, reference } from "./backends.ts";
import { evaluate, type Build } from "./evaluate.ts";
import { normalisedError } from "./normalised-error.ts";
import { randomAffine, randomDense } from "./random-weight.ts";
import { Random } from "./random.ts";
import { linearTolerances } from "./tolerances.ts";

/** Mixtures of experts, from the router's logits to the sum. */

interface ExpertCase {
  readonly label: string;
  readonly rows: number;
  readonly experts: number;
  readonly choices: number;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly scheme: "dense" | "affine-zero";
  readonly glu?: Glu;
  /** True: every choice has an input of its own. */
  readonly perChoice?: boolean;
  /** True: of every other expert. */
  readonly biases?: boolean;
  /** True: all tokens choose the same. */
  readonly crowded?: boolean;
}

const small = { experts: 6, choices: 2, inFeatures: 64, outFeatures: 96, rows: 12 };

const cases: readonly ExpertCase[] = (["dense", "affine-zero"] as const).flatMap((scheme) => [
  ...[1, 2, 5, 40].map((rows) => ({ label: `${scheme}, ${rows} rows`, scheme, ...small, rows })),
  { label: `${scheme}, with a gate`, scheme, ...small, glu: "silu" },
  { label: `${scheme}, with a gate of 40, no whole number of tiles`, scheme, ...small, outFeatures: 80, glu: "silu" },
  { label: `${scheme}, with a clamped gate and biases`, scheme, ...small, glu: { clampedAt: 0.5 }, biases: true },
  { label: `${scheme}, an input for each choice`, scheme, ...small, perChoice: true, biases: true },
  { label: `${scheme}, one choice`, scheme, ...small, choices: 1 },
  { label: `${scheme}, all of the experts`, scheme, ...small, choices: 6 },
  { label: `${scheme}, 64 experts`, scheme, ...small, experts: 64, choices: 8 },
  { label: `${scheme}, all tokens to the same experts`, scheme, ...small, rows: 30, crowded: true },
]);

function build(each: ExpertCase): Build {
  const random = new Random(17);
  const { rows, experts, choices, inFeatures, outFeatures, scheme, glu, perChoice, biases, crowded } = each;
  const width = perChoice ? choices * inFeatures : inFeatures;
  const outWidth = glu === undefined ? outFeatures : outFeatures / 2;
  const x = random.normals(rows * width);
  const logits = random.normals(rows * experts, 2);
  if (crowded) for (let i = experts; i < logits.length; i++) logits[i] = logits[i % experts];
  const residual = random.normals(rows * outWidth);
  const shape = { inFeatures, outFeatures };
  const weights = Array.from({ length: experts }, (): PackedWeight =>
    scheme === "dense"
      ? randomDense(random, shape, "bf16")
      : randomAffine(random, { ...shape, bits: 4, groupSize: 32, zeros: "lsb-n" }),
  );
  return (program) => {
    const routes = program.buffer(2 * choices);
    program.op({ op: "route", logits: program.input(logits, experts), weighting: "normalized", out: routes });
    const each: View = program.buffer(choices * outWidth);
    program.op({
      op: "expert-linear",
      input: program.input(x, width),
      routes,
      weights: weights.map((weight) => program.weight(weight)),
      ...(biases && {
        biases: weights.map((_, e) => (e % 2 === 0 ? program.vector(new Random(e).normals(outFeatures)) : undefined)),
      }),
      ...(glu !== undefined && { glu }),
      out: each,
    });
    const out = program.input(residual, outWidth);
    program.op({ op: "expert-sum", input: each, routes, residual: out, out });
    return out;
  };
}

const expected = new Map<ExpertCase, Float32Array>();
beforeAll(async () => {
  await using device = await reference.open();
  for (const each of cases) expected.set(each, await evaluate(device, build(each), { lengths: [each.rows] }));
});

for (const implementation of (await availableImplementations()).slice(1))
  describe(`experts on ${implementation.label}`, () => {
    let device: Device;
    beforeAll(async () => (device = await implementation.open()));
    afterAll(() => device[Symbol.asyncDispose]());

    test.each(cases)("$label", async (each) => {
      const { nmse, gatedNmse = nmse } = linearTolerances[each.scheme][implementation.activations];
      const together = await evaluate(device, build(each), { lengths: [each.rows] });
      const error = normalisedError(together, expected.get(each) ?? new Float32Array(0));
      expect(error).toBeLessThan(each.glu === undefined ? nmse : gatedNmse);
    });

    test.each(cases)("$label: rows know nothing of their neighbours", async (each) => {
      const together = await evaluate(device, build(each), { lengths: [each.rows] });
      const steps = Array.from({ length: each.rows }, () => [{ sequence: 0, count: 1 }]);
      const apart = await evaluate(device, build(each), { lengths: [each.rows], steps });
      expect(apart).toEqual(together);
    });
  });
