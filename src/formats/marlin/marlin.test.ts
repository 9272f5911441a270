import { describe, expect, test } from "vitest";
import { seededRandom } from "../../../test/support/seeded-random.ts";
import { FormatError, RequestError, UnsupportedError } from "../../util/errors.ts";
import { dequantize } from "../../weights/dequantize.ts";
import { decodeModule, halves, range, tensor, transpose, wordsOf } from "../format-test-kit.ts";
import type { TensorData } from "../weight-format.ts";

interface Module {
  readonly bits: 4 | 8;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly groups: number;
  readonly codes: readonly number[]; // [in][out]
  readonly scales: readonly number[]; // [group][out]
}

function randomModule(bits: 4 | 8, inFeatures: number, outFeatures: number, groups: number): Module {
  const random = seededRandom(bits + groups);
  const fill = (count: number, value: () => number): number[] => Array.from({ length: count }, value);
  const codes = fill(inFeatures * outFeatures, () => random(2 ** bits));
  return {
    bits,
    inFeatures,
    outFeatures,
    groups,
    codes,
    scales: fill(groups * outFeatures, () => (1 + random(500)) / 64),
  };
}

function expectedValues({ bits, codes, scales, inFeatures, outFeatures, groups }: Module): Float32Array {
  return Float32Array.from(range(inFeatures * outFeatures), (i) => {
    const [n, k] = [Math.floor(i / inFeatures), i % inFeatures];
    const group = Math.floor((k * groups) / inFeatures);
    return (codes[k * outFeatures + n] - 2 ** (bits - 1)) * scales[group * outFeatures + n];
  });
}

/** As marlin's own packer does it, by permutations: 16 × 16 tiles row by row, then what each lane of a warp takes of four of them. */
function pack({ bits, inFeatures, outFeatures, groups, codes, scales }: Module): {
  codes: Uint32Array;
  scales: Uint16Array;
} {
  const tiles = transpose(codes, [inFeatures / 16, 16, outFeatures / 16, 16], [0, 2, 1, 3]);
  const lanes = range(32).flatMap((lane) => {
    const rows = [0, 1, 8, 9].map((row) => row + 2 * (lane % 4));
    const one = [0, 1].flatMap((block) => rows.map((row) => 16 * row + Math.floor(lane / 4) + 8 * block));
    return range(4).flatMap((tile) => one.map((place) => place + 256 * tile));
  });
  const weave = bits === 4 ? [0, 2, 4, 6, 1, 3, 5, 7] : [0, 2, 1, 3];
  const order = range(1024).map((i) => lanes[weave.length * Math.floor(i / weave.length) + weave[i % weave.length]]);
  const woven = range(tiles.length).map((i) => tiles[1024 * Math.floor(i / 1024) + order[i % 1024]]);
  const columns =
    groups > 1
      ? range(8).flatMap((i) => range(8).map((j) => i + 8 * j))
      : range(4).flatMap((i) => [0, 1, 8, 9, 16, 17, 24, 25].map((j) => 2 * i + j));
  const span = columns.length;
  const stored = range(scales.length).map((i) => scales[span * Math.floor(i / span) + columns[i % span]]);
  return { codes: wordsOf(woven, bits), scales: halves(stored) };
}

function tensorsOf(module: Module): TensorData[] {
  const { bits, inFeatures, outFeatures, groups } = module;
  const packed = pack(module);
  return [
    tensor("layer.B", "I32", [inFeatures / 16, (outFeatures * bits) / 2], packed.codes),
    tensor("layer.s", "F16", [groups, outFeatures], packed.scales),
    tensor("layer.workspace", "I32", [16], new Int32Array(16)),
  ];
}

const config = { quant_method: "gptq", bits: 4, group_size: 128, sym: true, checkpoint_format: "marlin" };

describe("Marlin", () => {
  test.each([
    [4, 256, 128, 2],
    [4, 128, 192, 1],
    [4, 384, 64, 3],
    [8, 256, 128, 2],
    [8, 48, 64, 1],
  ] as const)("%i bit, %i → %i in %i groups comes back exactly", (bits, inFeatures, outFeatures, groups) => {
    const module = randomModule(bits, inFeatures, outFeatures, groups);
    const { weight, outline, format } = decodeModule(tensorsOf(module), { config });
    expect(dequantize(weight)).toEqual(expectedValues(module));
    expect(outline).toEqual({ scheme: "affine-zero", inFeatures, outFeatures, bits, groupSize: inFeatures / groups });
    expect(format.name).toBe("marlin");
    expect(format.isBookkeeping("layer.workspace")).toBe(true);
  });

  test.each([
    [{ quant_method: "marlin", bits: 4 }],
    [{ quant_method: "gptq", is_marlin_format: true }],
    [{ quant_method: "gptq", checkpoint_format: "gptq" }],
    [undefined],
  ])("the tensors show it, whatever is declared: %j", (declared) => {
    const module = randomModule(4, 128, 64, 1);
    expect(dequantize(decodeModule(tensorsOf(module), { config: declared }).weight)).toEqual(expectedValues(module));
  });

  test("under the names of AWQ", () => {
    const module = randomModule(4, 256, 64, 2);
    const [codes, scales] = tensorsOf(module);
    const tensors = [
      { ...codes, name: "layer.qweight" },
      { ...scales, name: "layer.scales" },
    ];
    const declared = { quant_method: "awq", version: "marlin", zero_point: false, group_size: 128 };
    const { weight, format, warnings } = decodeModule(tensors, { config: declared });
    expect(dequantize(weight)).toEqual(expectedValues(module));
    expect(format.name).toBe("awq");
    expect(warnings).toEqual([]);
  });

  const [codes, scales] = tensorsOf(randomModule(4, 128, 64, 1));
  test.each<readonly [string, readonly TensorData[], new (message: string) => Error, string]>([
    ["other columns", [{ ...codes, shape: [8, 96] }, scales], FormatError, "amount to 3 bit"],
    ["groups that do not divide", [codes, { ...scales, shape: [3, 64] }], FormatError, "do not divide into 3 groups"],
    ["nothing", [{ ...codes, shape: [0, 128] }, scales], FormatError, "there is nothing in it"],
    [
      "half a tile",
      [
        { ...codes, shape: [16, 64] },
        { ...scales, shape: [2, 32] },
      ],
      FormatError,
      "a tile has 64 outputs",
    ],
    ["floats as codes", [{ ...codes, dtype: "F32" }, scales], UnsupportedError, "holds F32"],
    ["integers as scales", [codes, { ...scales, dtype: "I16" }], UnsupportedError, "holds I16"],
  ])("refuses %s", (_, tensors, error, message) => {
    expect(() => decodeModule(tensors, { config })).toThrow(error);
    expect(() => decodeModule(tensors, { config })).toThrow(message);
  });

  test("has no variants to ask for", () => {
    expect(() => decodeModule([codes, scales], { config, checkpointFormat: "gptq" })).toThrow(RequestError);
  });
});
