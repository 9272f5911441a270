import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openCheckpoint } from "../../src/checkpoint/open-checkpoint.ts";
import { writeSafetensors } from "../../src/containers/safetensors/write-safetensors.ts";
import type { Device } from "../../src/device/backend.ts";
import { encoders } from "../../src/formats/encoders.ts";
import type { WeightEncoder } from "../../src/formats/weight-encoder.ts";
import { openMemoryFolder } from "../../src/io/memory-folder.ts";
import { compareWeights } from "../../src/weights/compare-weights.ts";
import { codeOrderLimits } from "../../src/weights/code-order-limits.ts";
import { affineBits, codeOrders, summarize } from "../../src/weights/packed-weight.ts";
import type { AffineBits, AffineZeroWeight, CodeOrder, PackedWeight } from "../../src/weights/packed-weight.ts";
import { availableImplementations, reference, type Implementation } from "./backends.ts";
import { evaluate } from "./evaluate.ts";
import { normalisedError } from "./normalised-error.ts";
import { randomAffine } from "./random-weight.ts";
import { Random } from "./random.ts";
import { linearTolerances } from "./tolerances.ts";

/** Inputs, outputs and groups at the edges of what formats hold. */
const shapes = [
  { inFeatures: 64, outFeatures: 8, groupSize: 32 }, // half a tile of outputs
  { inFeatures: 32, outFeatures: 32, groupSize: Infinity }, // one group
  { inFeatures: 96, outFeatures: 32, groupSize: 64 }, // the last group is ragged
  { inFeatures: 160, outFeatures: 96, groupSize: 128 }, // neither is a multiple of any tile but the smallest
  { inFeatures: 416, outFeatures: 40, groupSize: 32 },
  { inFeatures: 256, outFeatures: 256, groupSize: 128 }, // what the strictest take
] as const;

interface MatrixCase {
  readonly label: string;
  readonly weight: AffineZeroWeight;
}

function* weights(random: Random): Generator<MatrixCase> {
  for (const shape of shapes)
    for (const bits of affineBits)
      for (const zeros of [undefined, "bytes"] as const)
        for (const reordered of [false, true]) {
          const { inFeatures, outFeatures, groupSize } = shape;
          const label = `${bits} bit ${inFeatures} → ${outFeatures}, groups of ${groupSize}${zeros ? ", zero points" : ""}${reordered ? ", act-order" : ""}`;
          const order = codeOrders.find((each) => holds(each, bits, shape));
          if (order === undefined) throw new Error(`no order holds ${label}`);
          yield { label, weight: randomAffine(random, { ...shape, bits, order, reordered, ...(zeros && { zeros }) }) };
        }
}

function holds(order: CodeOrder, bits: AffineBits, shape: (typeof shapes)[number]): boolean {
  const limits = codeOrderLimits(order, bits);
  const { inFeatures, outFeatures } = shape;
  const fits = inFeatures % limits.inMultiple === 0 && outFeatures % limits.outMultiple === 0;
  return limits.bits.includes(bits) && fits;
}

const cases = [...weights(new Random(21))];

/** The files of a checkpoint of one module, opened as anybody's. Nothing about it may be odd. */
async function written(encoder: WeightEncoder, weight: AffineZeroWeight): Promise<PackedWeight> {
  const pieces: Uint8Array[] = [];
  const tensors = encoder.encode("layer", weight).map((tensor) => ({ ...tensor, data: () => [tensor.bytes()] }));
  await writeSafetensors(tensors, (bytes) => void pieces.push(bytes.slice()));
  const config = { quantization_config: encoder.declare([{ name: "layer", ...summarize(weight) }], []) };
  const files = new Map<string, Uint8Array>([
    ["config.json", new TextEncoder().encode(JSON.stringify(config))],
    ["model.safetensors", Buffer.concat(pieces)],
  ]);
  const warn = (message: string): never => {
    throw new Error(message);
  };
  await using checkpoint = await openCheckpoint(openMemoryFolder(files), { warn });
  return (await checkpoint.linear("layer")).weight;
}

/** The linear of a weight over three rows. */
async function multiply(device: Device, weight: PackedWeight): Promise<Float32Array> {
  const { inFeatures, outFeatures } = weight;
  const x = new Random(22).normals(3 * inFeatures);
  const build = (program: Parameters<Parameters<typeof evaluate>[1]>[0]) => {
    const out = program.buffer(outFeatures);
    program.op({ op: "linear", input: program.input(x, inFeatures), weight: program.weight(weight), out });
    return out;
  };
  return evaluate(device, build, { lengths: [3] });
}

/** Written, opened, multiplied by every implementation: the whole way that a user's file goes. */
describe.each(encoders)("checkpoints of $name", (encoder) => {
  const held = cases.filter(({ weight }) => encoder.refuses(weight) === undefined);
  let oracle: Device;
  const others: (Implementation & { readonly device: Device })[] = [];
  beforeAll(async () => {
    oracle = await reference.open();
    for (const each of (await availableImplementations()).slice(1)) others.push({ ...each, device: await each.open() });
  });
  afterAll(async () => {
    for (const { device } of others) await device[Symbol.asyncDispose]();
    await oracle[Symbol.asyncDispose]();
  });

  test("some are held", () => expect(held.length).toBeGreaterThan(0));

  test.each(held)("$label", async ({ weight }) => {
    const found = await written(encoder, weight);
    expect(compareWeights(found, weight)).toBeUndefined();
    const expected = await multiply(oracle, found);
    for (const { label, device, activations } of others) {
      const { nmse } = linearTolerances[found.scheme][activations];
      expect(normalisedError(await multiply(device, found), expected), label).toBeLessThan(nmse);
    }
  });
});
