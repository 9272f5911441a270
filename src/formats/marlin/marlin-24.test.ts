import { describe, expect, test } from "vitest";
import { seededRandom } from "../../../test/support/seeded-random.ts";
import { FormatError, RequestError, UnsupportedError } from "../../util/errors.ts";
import { dequantize } from "../../weights/dequantize.ts";
import { packSparse24 } from "../../weights/sparse-24.ts";
import { decodeModule, halves, range, tensor } from "../format-test-kit.ts";
import type { TensorData } from "../weight-format.ts";

const pairs = [[0, 1], [0, 2], [1, 2], [0, 3], [1, 3], [2, 3]] as const; // prettier-ignore

interface Module {
  readonly expected: Float32Array;
  readonly codes: Uint8Array;
  readonly positions: Uint8Array;
  readonly scales: readonly number[]; // [group][out]
  readonly shape: { readonly inFeatures: number; readonly outFeatures: number; readonly bits: 4 | 8 };
  readonly groups: number;
}

function randomModule(bits: 4 | 8, inFeatures: number, outFeatures: number, groups: number): Module {
  const random = seededRandom(bits + groups);
  const scales = range(groups * outFeatures).map(() => (1 + random(500)) / 64);
  const expected = new Float32Array(inFeatures * outFeatures);
  const kept = new Uint8Array((inFeatures * outFeatures) / 2);
  const nibbles = new Uint8Array((inFeatures * outFeatures) / 4);
  for (let quad = 0; quad < nibbles.length; quad++) {
    const [low, high] = pairs[random(6)];
    nibbles[quad] = low | (high << 2);
    [low, high].forEach((position, i) => {
      const at = 4 * quad + position;
      const [n, k] = [Math.floor(at / inFeatures), at % inFeatures];
      kept[2 * quad + i] = random(2 ** bits);
      expected[at] =
        (kept[2 * quad + i] - 2 ** (bits - 1)) * scales[Math.floor((k * groups) / inFeatures) * outFeatures + n];
    });
  }
  const shape = { inFeatures, outFeatures, bits };
  return { expected, scales, shape, groups, ...packSparse24(kept, nibbles, shape) };
}

/** Column c of each 64 goes to 8 * (c / 8) + 2 * (c % 4) + c % 8 / 4. */
function inLaneOrder(scales: readonly number[]): number[] {
  const stored = [...scales];
  scales.forEach((scale, c) => (stored[c - (c % 8) + 2 * (c % 4) + Math.floor((c % 8) / 4)] = scale));
  return stored;
}

function tensorsOf(
  { codes, positions, scales, shape, groups }: Module,
  names: readonly string[],
  grouped: boolean,
): TensorData[] {
  const { inFeatures, outFeatures, bits } = shape;
  return [
    tensor(`layer.${names[0]}`, "I32", [inFeatures / 32, (outFeatures * bits) / 2], codes),
    tensor(`layer.${names[1]}`, "I16", [inFeatures / 32, 2 * outFeatures], positions),
    tensor(`layer.${names[2]}`, "F16", [groups, outFeatures], halves(grouped ? inLaneOrder(scales) : scales)),
  ];
}

const gptqNames = ["B_24", "B_meta", "s"];
const compressedNames = ["weight_packed", "meta", "scale_packed"];
const config = { quant_method: "gptq", checkpoint_format: "marlin_24", bits: 4, group_size: 128 };
const compressedConfig = { quant_method: "compressed-tensors", format: "marlin-24", config_groups: {} };

describe("Marlin 2:4", () => {
  test.each([
    [4, 512, 128, 4],
    [8, 512, 64, 4],
    [4, 256, 64, 2],
    [4, 128, 64, 1],
  ] as const)(
    "%i bit, %i → %i in %i groups comes back exactly under both names",
    (bits, inFeatures, outFeatures, groups) => {
      const module = randomModule(bits, inFeatures, outFeatures, groups);
      const outline = { scheme: "sparse-24", inFeatures, outFeatures, bits, groupSize: inFeatures / groups };
      const found = decodeModule(tensorsOf(module, gptqNames, groups > 1), { config });
      expect(dequantize(found.weight)).toEqual(module.expected);
      expect(found.outline).toEqual(outline);
      const compressed = decodeModule(tensorsOf(module, compressedNames, groups > 2), { config: compressedConfig });
      expect(dequantize(compressed.weight)).toEqual(module.expected);
      expect(compressed.outline).toEqual(outline);
    },
  );

  const module = randomModule(4, 128, 64, 1);
  const [codes, positions, scales] = tensorsOf(module, gptqNames, false);
  test.each<readonly [string, readonly TensorData[], new (message: string) => Error, string]>([
    ["positions of another shape", [codes, { ...positions, shape: [2, 256] }, scales], FormatError, "do not match"],
    ["no positions", [codes, scales], FormatError, "has no B_meta"],
    ["half a tile", [{ ...codes, shape: [4, 64] }, { ...positions, shape: [4, 64] }, { ...scales, shape: [1, 32] }], FormatError, "a tile has 64 outputs"],
    ["bits that do not exist", [{ ...codes, shape: [4, 64] }, positions, scales], FormatError, "amount to 2 bit"],
    ["groups that do not divide", [codes, positions, { ...scales, shape: [3, 64] }], FormatError, "do not divide"],
    ["nothing", [{ ...codes, shape: [0, 128] }, positions, scales], FormatError, "nothing in it"],
    ["words as positions", [codes, { ...positions, dtype: "I32" }, scales], UnsupportedError, "holds I32"],
  ])("refuses %s", (_, tensors, error, message) => {
    expect(() => decodeModule(tensors, { config })).toThrow(error);
    expect(() => decodeModule(tensors, { config })).toThrow(message);
  }); // prettier-ignore

  test("has no variants to ask for", () => {
    expect(() => decodeModule([codes, positions, scales], { config, checkpointFormat: "gptq" })).toThrow(RequestError);
  });
});
