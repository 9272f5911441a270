import { describe, expect, test } from "vitest";
import { FormatError, RequestError, UnsupportedError } from "../../util/errors.ts";
import { dequantize } from "../../weights/dequantize.ts";
import { decodeModule, halves, range, tensor, wordsOf } from "../format-test-kit.ts";
import type { TensorData } from "../weight-format.ts";

/** A config whose layers all have weights of one spec, and what else it holds. */
const configOf = (weight: unknown, members: object = {}) => ({
  quant_method: "quark",
  global_quant_config: { weight, input_tensors: null },
  ...members,
});

/** w[n][k] of 3 outputs and 4 inputs. */
const bytes = Int8Array.of(1, -2, 3, -128, 127, 0, 5, -6, 7, 8, -9, 10);
const int8 = tensor("layer.weight", "I8", [3, 4], bytes);
const scale = (shape: readonly number[], ...values: number[]): TensorData =>
  tensor("layer.weight_scale", "F32", shape, Float32Array.from(values));
const zeroPoint = (...values: number[]): TensorData =>
  tensor("layer.weight_zero_point", "I8", [values.length], Int8Array.from(values));
const of8 = configOf({ dtype: "int8" });

describe("int8", () => {
  test.each<[string, TensorData, TensorData | undefined, (n: number) => readonly [scale: number, zero: number]]>([
    ["one scale", scale([], 0.5), undefined, () => [0.5, 0]],
    ["a scale for each output, zero points of 0", scale([3], 1, 2, 3), zeroPoint(0, 0, 0), (n) => [n + 1, 0]],
    ["zero points with a sign", scale([3, 1], 1, 2, 3), zeroPoint(-5, 0, 7), (n) => [n + 1, [-5, 0, 7][n]]],
    ["one zero point", scale([1], 2), zeroPoint(3), () => [2, 3]],
  ])("%s", (_, scales, zeros, at) => {
    const { weight, outline } = decodeModule([int8, scales, ...(zeros ? [zeros] : [])], { config: of8 });
    const expected = range(12).map((i) => (bytes[i] - at(i >> 2)[1]) * at(i >> 2)[0]);
    expect(dequantize(weight)).toEqual(Float32Array.from(expected));
    expect(outline).toEqual({ scheme: "affine-zero", inFeatures: 4, outFeatures: 3, bits: 8, groupSize: 4 });
  });
});

/** Eight outputs of 4 inputs in groups of 2, one word an input: nibble i is output order[i]. */
const order = [0, 2, 4, 6, 1, 3, 5, 7];
const code = (k: number, n: number): number => (5 * k + 3 * n) % 16;
const words = (rows: number, value: (row: number, n: number) => number): Uint32Array =>
  wordsOf(
    range(rows).flatMap((row) => order.map((n) => value(row, n) & 15)),
    4,
  );
const packed = tensor("layer.weight", "I32", [4, 1], words(4, code));
const scales4 = tensor("layer.weight_scale", "F16", [2, 8], halves(range(16).map((i) => (i + 1) / 8)));
const zeros4 = tensor(
  "layer.weight_zero_point",
  "I32",
  [2, 1],
  words(2, (g, n) => g + n),
);
const of4 = (dtype: string) => configOf({ dtype, group_size: 2 });
const signed = (value: number): number => (value < 8 ? value : value - 16);

describe("4 bits", () => {
  const valuesOf = (value: (k: number, n: number) => number): Float32Array =>
    Float32Array.from(range(32), (i) => {
      const [n, k] = [i >> 2, i % 4];
      return (value(k, n) * (8 * (k >> 1) + n + 1)) / 8;
    });

  test.each<[string, string, TensorData[], (k: number, n: number) => number]>([
    ["without a sign", "uint4", [zeros4], (k, n) => code(k, n) - ((k >> 1) + n)],
    ["with a sign", "int4", [], (k, n) => signed(code(k, n))],
    ["with signs at zero points too", "int4", [zeros4], (k, n) => signed(code(k, n)) - signed((k >> 1) + n)],
  ])("%s", (_, dtype, zeros, value) => {
    const { weight, outline } = decodeModule([packed, scales4, ...zeros], { config: of4(dtype) });
    expect(dequantize(weight)).toEqual(valuesOf(value));
    expect(outline).toEqual({ scheme: "affine-zero", inFeatures: 4, outFeatures: 8, bits: 4, groupSize: 2 });
  });

  test("a layer's own config tells the sign too", () => {
    const config = configOf(null, { layer_quant_config: { "*k_proj": { weight: [{ dtype: "int4" }] } } });
    expect(dequantize(decodeModule([packed, scales4], { config }).weight)).toEqual(
      valuesOf((k, n) => signed(code(k, n))),
    );
  });
});

test("8-bit floats and FP4 are told by their element types", () => {
  const codes = tensor("layer.weight", "F8_E4M3", [3, 4], new Uint8Array(12).fill(0x3c)); // 1.5
  const { weight } = decodeModule([codes, scale([3], 1, 2, 3)], { config: configOf({ dtype: "fp8_e4m3" }) });
  expect(dequantize(weight)).toEqual(Float32Array.from(range(12), (i) => 1.5 * ((i >> 2) + 1)));

  const nibbles = tensor("layer.weight", "U8", [1, 16], new Uint8Array(16).fill(0x32)); // 1 and 1.5 by turns
  const exponent = tensor("layer.weight_scale", "U8", [1, 1], Uint8Array.of(128));
  const { weight: fp4 } = decodeModule([nibbles, exponent], { config: configOf({ dtype: "fp4" }) });
  expect(dequantize(fp4)).toEqual(Float32Array.from(range(32), (i) => (i % 2 === 0 ? 2 : 3)));
});

test("tells which activations it does not quantize, and that their scales are none of the weights'", () => {
  const asked = { weight: { dtype: "int8" }, input_tensors: { dtype: "int8", is_dynamic: true } };
  const config = { quant_method: "quark", global_quant_config: asked };
  const { format } = decodeModule([int8, scale([], 1)], { config });
  expect(format.notes).toEqual([expect.stringContaining("quantized activations (int8 dynamic)")]);
  for (const name of ["input_scale", "output_zero_point", "k_scale", "k_proj.output_scale"])
    expect(format.isBookkeeping(`layer.${name}`)).toBe(true);
  expect(format.isBookkeeping("layer.weight_scale")).toBe(false);
  expect(decodeModule([int8, scale([], 1)], { config: of8 }).format.notes).toEqual([]);
});

const noScale = scale([0]);
test.each<[string, TensorData[], object, new () => Error, string]>([
  ["scales of other outputs", [int8, scale([2], 1, 1)], of8, FormatError, "for all or for each output"],
  ["no scales", [int8, noScale], of8, FormatError, "for all or for each output"],
  ["no scale tensor", [int8], of8, FormatError, "no weight_scale"],
  ["zero points of other outputs", [int8, scale([], 1), zeroPoint(0, 0)], of8, FormatError, "zero points [2]"],
  ["groups of other outputs", [packed, { ...scales4, shape: [4, 4] }], of4("int4"), FormatError, "each group"],
  ["more groups than inputs", [packed, { ...scales4, shape: [16, 1] }], of4("int4"), FormatError, "each group"],
  ["floats as weights", [{ ...int8, dtype: "F16" }, scale([], 1)], of8, UnsupportedError, "holds F16"],
  ["words of no declared sign", [packed, scales4], of8, FormatError, "tell their sign"],
  ["uint4 without zero points", [packed, scales4], of4("uint4"), FormatError, "no weight_zero_point"],
  ["both signs", [packed, scales4], configOf({ dtype: "int4" }, { layer_quant_config: { a: { weight: { dtype: "uint4" } } } }), UnsupportedError, "beside others"],
  ["words in another order", [packed, scales4], { ...of4("int4"), export: { pack_method: "order" } }, UnsupportedError, '"order"'],
  ["6-bit floats", [int8, scale([], 1)], configOf({ dtype: "fp6_e2m3" }), UnsupportedError, "fp6_e2m3"],
  ["two levels of scales", [int8, scale([], 1)], configOf([{ dtype: "fp4" }, { dtype: "fp8_e4m3" }]), UnsupportedError, "two levels"],
  ["a spec without a type", [int8, scale([], 1)], configOf({}), FormatError, '"dtype"'],
  ["rotated activations", [int8, scale([], 1), { ...int8, name: "layer.input_rotation" }], of8, UnsupportedError, "rotates activations"],
  ["codes that end early", [{ ...int8, bytes: new Uint8Array(11) }, scale([], 1)], of8, FormatError, "11 bytes"],
])("refuses %s", (_, found, config, error, message) => {
  const decode = (): unknown => decodeModule(found, { config });
  expect(decode).toThrow(error);
  expect(decode).toThrow(message);
}); // prettier-ignore

test("refuses an override", () => {
  expect(() => decodeModule([int8, scale([], 1)], { config: of8, checkpointFormat: "v2" })).toThrow(RequestError);
});
