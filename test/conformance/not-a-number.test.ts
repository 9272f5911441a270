import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/backend.ts";
import { asUint16 } from "../../src/util/bytes.ts";
import { availableImplementations } from "./backends.ts";
import { evaluate, type Build } from "./evaluate.ts";
import { randomBlocks } from "./random-blocks.ts";
import { randomAffine, randomDense } from "./random-weight.ts";
import { Random } from "./random.ts";

// What is no number must not end as one: a checkpoint with a damaged value would answer, plausibly and wrongly. Clamping, maxima and rounding to
// 8 bits are where it gets lost.

const rows = 5;
const damagedRow = 3;
const inFeatures = 96;
const outFeatures = 40;
const halfNaN = 0x7e00;

const random = new Random(5);
const affine = randomAffine(random, { inFeatures, outFeatures, bits: 4, groupSize: 32, zeros: "lsb-n" });
const blocks = (["Q4_0", "Q4_K", "Q6_K", "IQ2_XS"] as const).map((type) =>
  randomBlocks(random, type, { inFeatures: 256, outFeatures }),
);
const weights = {
  "4-bit": affine,
  dense: randomDense(random, { inFeatures, outFeatures }, "f16"),
  ...Object.fromEntries(blocks.map((weight) => [weight.type, weight])),
};

function inputs(width: number, damage: number): Float32Array {
  const values = random.normals(rows * width, 1);
  values[damagedRow * width + 37] = damage;
  return values;
}

/** Whether each row of a result is all numbers. */
function soundRows(found: Float32Array): readonly boolean[] {
  const width = found.length / rows;
  return Array.from({ length: rows }, (_, r) => found.subarray(r * width, (r + 1) * width).every(Number.isFinite));
}

const onlyDamaged = Array.from({ length: rows }, (_, r) => r !== damagedRow);

for (const implementation of await availableImplementations())
  describe(`what is no number on ${implementation.label}`, () => {
    let device: Device;
    beforeAll(async () => (device = await implementation.open()));
    afterAll(() => device[Symbol.asyncDispose]());
    const run = (build: Build) => evaluate(device, build, { lengths: [rows] });

    for (const [name, weight] of Object.entries(weights))
      test.each([NaN, Infinity, -Infinity])(
        `%d in the input of a ${name} linear spoils its row alone`,
        async (damage) => {
          const found = await run((program) => {
            const out = program.buffer(outFeatures);
            const input = program.input(inputs(weight.inFeatures, damage), weight.inFeatures);
            program.op({ op: "linear", input, weight: program.weight(weight), out });
            return out;
          });
          expect(soundRows(found)).toEqual(onlyDamaged);
        },
      );

    test("NaN as a scale spoils its output in every row", async () => {
      const scales = affine.scales.slice();
      asUint16(scales)[outFeatures + 7] = halfNaN; // the second group of output 7
      const found = await run((program) => {
        const out = program.buffer(outFeatures);
        const input = program.input(inputs(inFeatures, 1), inFeatures);
        program.op({ op: "linear", input, weight: program.weight({ ...affine, scales }), out });
        return out;
      });
      const spoiled = [...found.keys()].filter((i) => !Number.isFinite(found[i]));
      expect(spoiled).toEqual(Array.from({ length: rows }, (_, r) => r * outFeatures + 7));
    });

    test("NaN as a block's factor spoils its output in every row", async () => {
      const [{ blocks: sound, ...weight }] = blocks;
      const damaged = sound.slice();
      asUint16(damaged)[(7 * damaged.length) / outFeatures / 2] = halfNaN; // the first block of output 7
      const found = await run((program) => {
        const out = program.buffer(outFeatures);
        const input = program.input(inputs(weight.inFeatures, 1), weight.inFeatures);
        program.op({ op: "linear", input, weight: program.weight({ ...weight, blocks: damaged }), out });
        return out;
      });
      const spoiled = [...found.keys()].filter((i) => !Number.isFinite(found[i]));
      expect(spoiled).toEqual(Array.from({ length: rows }, (_, r) => r * outFeatures + 7));
    });

    test("NaN before a norm or a gate spoils its row", async () => {
      for (const place of ["norm", "gate", "up"] as const) {
        const found = await run((program) => {
          const out = program.buffer(64);
          const damaged = program.input(inputs(64, NaN), 64);
          const sound = program.input(inputs(64, 1), 64);
          if (place === "norm")
            program.op({
              op: "rms-norm",
              input: damaged,
              weight: program.vector(new Float32Array(64).fill(1)),
              groupWidth: 64,
              eps: 1e-5,
              out,
            });
          else {
            const [gate, up] = place === "gate" ? [damaged, sound] : [sound, damaged];
            program.op({ op: "glu", activation: "silu", gate, up, out });
          }
          return out;
        });
        expect([place, soundRows(found)]).toEqual([place, onlyDamaged]);
      }
    });

    test.each(["q", "k", "v"] as const)("NaN in %s spoils what attends to it", async (damaged) => {
      const headDim = 64;
      const found = await run((program) => {
        const part = (name: string) => program.input(inputs(headDim, name === damaged ? NaN : 1), headDim);
        const [q, k, v] = ["q", "k", "v"].map(part);
        const cache = program.cache({ kvHeads: 1, headDim });
        const inverseFrequencies = Float32Array.from({ length: headDim / 2 }, (_, i) => 10000 ** (-i / 32));
        const rope = program.rope({ rotaryDim: headDim, variants: [{ inverseFrequencies, scale: 1 }] });
        const out = program.buffer(headDim);
        program.op({ op: "rope-write", q, k, v, rope, cache });
        program.op({ op: "attention", q, cache, scale: headDim ** -0.5, out });
        return out;
      });
      // A query spoils its own row; keys and values those of all later positions too.
      const sound = soundRows(found);
      expect(sound.slice(damagedRow)).toEqual(onlyDamaged.slice(damagedRow).map((other) => other && damaged === "q"));
    });
  });
