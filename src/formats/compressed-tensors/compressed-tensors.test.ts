import { describe, expect, test } from "vitest";
import { seededRandom } from "../../../test/support/seeded-random.ts";
import { FormatError, RequestError, UnsupportedError } from "../../util/errors.ts";
import { dequantize } from "../../weights/dequantize.ts";
import { affineBits, type AffineBits } from "../../weights/packed-weight.ts";
import { decodeModule, halves, range, tensor } from "../format-test-kit.ts";
import type { TensorData } from "../weight-format.ts";

/** A module before packing: integers with their signs, each matrix row-major. */
interface Module {
  readonly bits: AffineBits;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly groups: number;
  readonly values: readonly number[]; // [out][in]
  readonly zeros: readonly number[]; // [out][group]
  readonly scales: readonly number[]; // [out][group]
  readonly groupOf: readonly number[]; // [in]
}

interface Options {
  readonly bits?: AffineBits;
  readonly inFeatures?: number;
  readonly outFeatures?: number;
  readonly groupSize?: number;
  readonly symmetric?: boolean;
}

function randomModule({
  bits = 4,
  inFeatures = 96,
  outFeatures = 10,
  groupSize = 32,
  symmetric = false,
}: Options): Module {
  const random = seededRandom(bits + inFeatures);
  const groups = Math.ceil(inFeatures / groupSize);
  const signed = (): number => random(2 ** bits) - 2 ** (bits - 1);
  return {
    bits,
    inFeatures,
    outFeatures,
    groups,
    values: range(outFeatures * inFeatures).map(signed),
    zeros: range(outFeatures * groups).map(() => (symmetric ? 0 : signed())),
    scales: range(outFeatures * groups).map(() => (1 + random(500)) / 64),
    groupOf: range(inFeatures).map((k) => Math.floor(k / groupSize)),
  };
}

function expectedValues({ inFeatures, groups, values, zeros, scales, groupOf }: Module): Float32Array {
  return Float32Array.from(values, (value, i) => {
    const at = Math.floor(i / inFeatures) * groups + groupOf[i % inFeatures];
    return (value - zeros[at]) * scales[at];
  });
}

/** One stream through a long integer, or words of whole codes: slow, and nothing of ours. */
function pack(signed: readonly number[], bits: number, way: "stream" | "words"): number[] {
  const codes = signed.map((value) => BigInt(value + 2 ** (bits - 1)));
  const inWord = way === "words" ? Math.floor(32 / bits) : codes.length;
  return range(Math.ceil(codes.length / inWord)).flatMap((part) => {
    const some = codes.slice(part * inWord, (part + 1) * inWord);
    const long = some.reduce((sum, code, i) => sum | (code << BigInt(bits * i)), 0n);
    const words = way === "words" ? 1 : Math.ceil((some.length * bits) / 32);
    return range(words).map((w) => Number((long >> BigInt(32 * w)) & 0xffffffffn));
  });
}

const columnOf = (matrix: readonly number[], columns: number, column: number): number[] =>
  matrix.filter((_, i) => i % columns === column);

interface Packing {
  readonly way?: "stream" | "words";
  readonly zeros?: "packed" | "bytes" | "none";
}

function packQuantized(module: Module, { way = "stream", zeros = "packed" }: Packing = {}): TensorData[] {
  const { bits, inFeatures, outFeatures, groups } = module;
  const rows = range(outFeatures).map((n) =>
    pack(module.values.slice(n * inFeatures, (n + 1) * inFeatures), bits, way),
  );
  const packedZeros = range(groups).map((g) => pack(columnOf(module.zeros, groups, g), bits, way));
  const zeroRows = packedZeros[0].length;
  return [
    tensor("layer.weight_packed", "I32", [outFeatures, rows[0].length], Uint32Array.from(rows.flat())),
    tensor("layer.weight_scale", "F16", [outFeatures, groups], halves(module.scales)),
    tensor("layer.weight_shape", "I64", [2], BigInt64Array.of(BigInt(outFeatures), BigInt(inFeatures))),
    ...(zeros === "packed" ? [tensor("layer.weight_zero_point", "I32", [zeroRows, groups], Uint32Array.from(range(zeroRows * groups), (i) => packedZeros[i % groups][Math.floor(i / groups)]))] : []), // prettier-ignore
    ...(zeros === "bytes" ? [tensor("layer.weight_zero_point", "I8", [outFeatures, groups], Int8Array.from(module.zeros))] : []), // prettier-ignore
  ];
}

const weights = { num_bits: 4, type: "int", strategy: "group", group_size: 32, symmetric: false };
const config = (
  members: Record<string, unknown> = {},
  group: Record<string, unknown> = {},
  format = "pack-quantized",
): Record<string, unknown> => ({
  quant_method: "compressed-tensors",
  format,
  ignore: ["lm_head"],
  config_groups: { group_0: { targets: ["Linear"], weights: { ...weights, ...members }, ...group } },
});

describe("pack-quantized comes back exactly", () => {
  const cases = affineBits.flatMap((bits) =>
    (["stream", "words"] as const).flatMap((way) =>
      (["packed", "bytes", "none"] as const).map((zeros) => ({ bits, way, zeros })),
    ),
  );
  test.each(cases)("$bits bit, $way, zero points $zeros", ({ bits, way, zeros }) => {
    const module = randomModule({ bits, inFeatures: 160, symmetric: zeros === "none" });
    const found = decodeModule(packQuantized(module, { way, zeros }), { config: config({ num_bits: bits }) });
    expect(dequantize(found.weight)).toEqual(expectedValues(module));
    expect(found.outline).toEqual({ scheme: "affine-zero", inFeatures: 160, outFeatures: 10, bits, groupSize: 32 });
    expect(found.warnings).toEqual([]);
  });

  test("a ragged last group, and words with room for more", () => {
    const module = randomModule({ inFeatures: 75 });
    const { weight } = decodeModule(packQuantized(module), { config: config() });
    expect(weight).toMatchObject({ inFeatures: 75, groupSize: 32 });
    expect(dequantize(weight)).toEqual(expectedValues(module));
  });

  test("one scale for each output, or for all", () => {
    const module = randomModule({ groupSize: 96, symmetric: true });
    const declared = config({ strategy: "channel", group_size: null });
    const channel = decodeModule(packQuantized(module, { zeros: "none" }), { config: declared });
    expect(channel.weight).toMatchObject({ groupSize: 96 });
    expect(dequantize(channel.weight)).toEqual(expectedValues(module));

    const flat = { ...module, scales: module.scales.map(() => 0.5) };
    const tensors = packQuantized(flat, { zeros: "none" }).filter(({ name }) => !name.endsWith("_scale"));
    for (const shape of [[1], []]) {
      const scale = tensor("layer.weight_scale", "F16", shape, halves([0.5]));
      const found = decodeModule([...tensors, scale], { config: config({ strategy: "tensor" }) });
      expect(dequantize(found.weight)).toEqual(expectedValues(flat));
      expect(found.warnings).toEqual([]);
    }
  });

  test("act-order", () => {
    const inOrder = randomModule({});
    const module = { ...inOrder, groupOf: range(96).map((k) => k % 3) };
    const gIdx = tensor("layer.weight_g_idx", "I32", [96], Int32Array.from(module.groupOf));
    const { weight } = decodeModule([...packQuantized(module), gIdx], { config: config({ actorder: "group" }) });
    expect(dequantize(weight)).toEqual(expectedValues(module));

    const unset = tensor("layer.weight_g_idx", "I32", [96], new Int32Array(96).fill(-1));
    const found = decodeModule([...packQuantized(inOrder), unset], { config: config({ actorder: "group" }) });
    expect(dequantize(found.weight)).toEqual(expectedValues(inOrder));
  });
});

describe("int-quantized comes back exactly", () => {
  test.each([
    ["channel", 96, true],
    ["channel", 96, false],
    ["group", 32, false],
  ] as const)("%s, groups of %i, symmetric %s", (strategy, groupSize, symmetric) => {
    const module = randomModule({ bits: 8, groupSize, symmetric });
    const { outFeatures, inFeatures, groups } = module;
    const tensors = [
      tensor("layer.weight", "I8", [outFeatures, inFeatures], Int8Array.from(module.values)),
      tensor("layer.weight_scale", "F16", [outFeatures, groups], halves(module.scales)),
      tensor("layer.weight_zero_point", "I8", [outFeatures, groups], Int8Array.from(module.zeros)),
    ];
    const declared = config({ num_bits: 8, strategy, group_size: groupSize }, {}, "int-quantized");
    const { weight, warnings } = decodeModule(symmetric ? tensors.slice(0, 2) : tensors, { config: declared });
    expect(weight).toMatchObject({ order: "byte-rows", bits: 8 });
    expect(dequantize(weight)).toEqual(expectedValues(module));
    expect(warnings).toEqual([]);
  });
});

describe("which scheme is a module's", () => {
  // 8 columns of words: 8 codes of 4 bit in each, or 4 of 8 bit.
  const module = randomModule({ bits: 8, inFeatures: 32, groupSize: 32, symmetric: true });
  const tensors = packQuantized(module, { zeros: "none" }).filter(({ name }) => !name.endsWith("_shape"));
  const groups = (targets: readonly string[]): Record<string, unknown> => ({
    quant_method: "compressed-tensors",
    format: "pack-quantized",
    config_groups: {
      group_0: { targets: ["Linear"], weights: { ...weights, strategy: "channel" } },
      group_1: { targets, weights: { ...weights, num_bits: 8, strategy: "channel" } },
    },
  });

  test.each([
    ["its name", ["layer"], 8],
    ["a pattern", ["re:la.er$"], 8],
    ["a pattern of another module", ["re:ayer"], 4],
    ["its class", ["other"], 4],
  ] as const)("told by %s", (_, targets, bits) => {
    expect(decodeModule(tensors, { config: groups(targets) }).weight).toMatchObject({ bits });
  });

  test("where another fits, the shapes decide, with a warning", () => {
    const { weight, warnings } = decodeModule(packQuantized(module, { zeros: "none" }), { config: groups(["other"]) });
    expect(dequantize(weight)).toEqual(expectedValues(module));
    expect(warnings).toEqual([expect.stringContaining("modules have 8 bit in groups of 32")]);
  });

  test("a pattern that never ends is refused", () => {
    const declared = groups(["re:(x*)*y"]);
    const long = "x".repeat(3000);
    const renamed = tensors.map((each) => ({ ...each, name: each.name.replace("layer", long) }));
    expect(() => decodeModule(renamed, { config: declared, module: long })).toThrow();
  });
});

test("what else is asked for is noted", () => {
  const activations = { input_activations: { num_bits: 8, type: "int", strategy: "token", dynamic: true } };
  const declared = { ...config({}, activations), kv_cache_scheme: { num_bits: 8 } };
  const { format } = decodeModule(packQuantized(randomModule({})), { config: declared });
  expect(format.notes).toEqual([
    expect.stringContaining("quantized activations (8 int token)"),
    expect.stringContaining("quantized keys and values"),
  ]);
  expect(format.isBookkeeping("model.layers.0.self_attn.k_scale")).toBe(true);
  expect(format.isBookkeeping("layer.input_scale")).toBe(true);
  expect(format.isBookkeeping("layer.weight_scale")).toBe(false);
});

describe("refused", () => {
  const tensors = packQuantized(randomModule({}));
  const changed = (name: string, change: Partial<TensorData>): TensorData[] =>
    tensors.map((each) => (each.name === `layer.${name}` ? { ...each, ...change } : each));
  const shapeOf = (...numbers: readonly bigint[]): Partial<TensorData> => ({
    bytes: new Uint8Array(BigInt64Array.from(numbers).buffer),
    shape: [numbers.length],
  });

  test.each<readonly [string, readonly TensorData[], Record<string, unknown>, new (message: string) => Error, string]>([
    ["six-bit floats", tensors, config({}, {}, "mxfp6-pack-quantized"), UnsupportedError, '"mxfp6-pack-quantized"'],
    ["a format of one group", tensors, config({}, { format: "sparse-bitmask" }), UnsupportedError, "sparse-bitmask"],
    ["transforms", tensors, { ...config(), transform_config: { config_groups: { u: {} } } }, UnsupportedError, "transforms"],
    ["sparse weights", tensors, { ...config(), sparsity_config: { format: "sparse-24-bitmask" } }, UnsupportedError, "sparse"],
    ["groups that are a list", tensors, { ...config(), config_groups: [1] }, FormatError, "must be an object, found"],
    ["targets that are numbers", tensors, config({}, { targets: [1] }), FormatError, "list of at most"],
    ["a pattern that is none", tensors, config({}, { targets: ["re:("] }), FormatError, "("],
    ["other outputs", changed("weight_shape", shapeOf(11n, 96n)), config(), FormatError, "holds [11, 96]"],
    ["inputs that the words cannot hold", changed("weight_shape", shapeOf(10n, 960n)), config(), FormatError, "no width"],
    ["negative inputs", changed("weight_shape", shapeOf(10n, -96n)), config(), FormatError, "holds [10, -96]"],
    ["a shape of three", changed("weight_shape", shapeOf(10n, 96n, 1n)), config(), FormatError, "has 3 numbers"],
    ["scales of other outputs", changed("weight_scale", { shape: [5, 6] }), config(), FormatError, "are read"],
    ["no scale", tensors.filter(({ name }) => !name.endsWith("_scale")), config(), FormatError, "has no weight_scale"],
    ["zero points of other groups", changed("weight_zero_point", { shape: [3, 2] }), config(), FormatError, "other groups"],
    ["integers of bytes, as FP4 has them", changed("weight_packed", { dtype: "U8" }), config(), UnsupportedError, "holds F16; U8 or F8_E8M0"],
    ["float weights", [tensor("layer.weight", "F16", [10, 96], new Uint16Array(960)), tensors[1]], config(), UnsupportedError, "holds F16"],
    ["an empty weight", changed("weight_packed", { shape: [10, 0] }), config(), FormatError, "nothing in it"],
    ["zero points that do not fit", [...packQuantized(randomModule({}), { zeros: "none" }), tensor("layer.weight_zero_point", "I8", [1], Int8Array.of(8))], config(), FormatError, "does not fit 4 bits"],
    ["a g_idx out of range", [...tensors, tensor("layer.weight_g_idx", "I32", [96], new Int32Array(96).fill(3))], config(), FormatError, "g_idx[0] is 3"],
    ["a g_idx too short", [...tensors, tensor("layer.weight_g_idx", "I32", [95], new Int32Array(95))], config(), FormatError, "must have 96 entries"],
  ])("%s", (_, found, declared, error, message) => {
    expect(() => decodeModule(found, { config: declared })).toThrow(error);
    expect(() => decodeModule(found, { config: declared })).toThrow(message);
  }); // prettier-ignore

  test("an override", () => {
    expect(() => decodeModule(tensors, { config: config(), checkpointFormat: "gptq" })).toThrow(RequestError);
  });
});
