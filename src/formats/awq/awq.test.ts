import { describe, expect, test } from "vitest";
import { seededRandom } from "../../../test/support/seeded-random.ts";
import { FormatError, RequestError, UnsupportedError } from "../../util/errors.ts";
import { dequantize } from "../../weights/dequantize.ts";
import { decodeModule, halves, range, tensor, transpose, wordsOf, type DecodeOptions } from "../format-test-kit.ts";
import type { TensorData } from "../weight-format.ts";

/** A module before packing, each matrix row-major. */
interface Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly groupSize: number;
  readonly groups: number;
  readonly codes: readonly number[]; // [in][out]
  readonly zeros: readonly number[]; // [group][out]
  readonly scales: readonly number[]; // [group][out]
}

function randomModule(inFeatures: number, outFeatures: number, groupSize: number): Module {
  const random = seededRandom(groupSize);
  const groups = inFeatures / groupSize;
  const fill = (count: number, value: () => number): number[] => Array.from({ length: count }, value);
  return {
    inFeatures,
    outFeatures,
    groupSize,
    groups,
    codes: fill(inFeatures * outFeatures, () => random(16)),
    zeros: fill(groups * outFeatures, () => random(16)),
    scales: fill(groups * outFeatures, () => (1 + random(200)) / 64), // times 15 exact in fp16
  };
}

const module128 = randomModule(256, 64, 128);

function expectedValues({ codes, zeros, scales, inFeatures, outFeatures, groupSize }: Module): Float32Array {
  return Float32Array.from(range(inFeatures * outFeatures), (i) => {
    const [n, k] = [Math.floor(i / inFeatures), i % inFeatures];
    const g = Math.floor(k / groupSize) * outFeatures + n;
    return (codes[k * outFeatures + n] - zeros[g]) * scales[g];
  });
}

const half = (name: string, shape: number[], values: readonly number[]): TensorData =>
  tensor(`layer.${name}`, "F16", shape, halves(values));
const words = (name: string, shape: number[], fields: readonly number[]): TensorData =>
  tensor(`layer.${name}`, "I32", shape, wordsOf(fields, 4));

/** AutoAWQ's order of the columns in a word. */
const interleaved = (row: readonly number[]): number[] =>
  range(row.length).map((i) => row[8 * Math.floor(i / 8) + [0, 2, 4, 6, 1, 3, 5, 7][i % 8]]);

function packGemm({ inFeatures, outFeatures, groups, codes, zeros, scales }: Module): TensorData[] {
  return [
    words("qweight", [inFeatures, outFeatures / 8], interleaved(codes)),
    words("qzeros", [groups, outFeatures / 8], interleaved(zeros)),
    half("scales", [groups, outFeatures], scales),
  ];
}

function packGemv({ inFeatures, outFeatures, groups, groupSize, codes, zeros, scales }: Module): TensorData[] {
  const multiple = { 128: 1, 64: 2, 32: 4 }[groupSize] ?? 1;
  const padded = 8 * multiple * Math.ceil(Math.ceil(groups / 8) / multiple);
  const byOutput = (values: readonly number[]): number[] =>
    range(outFeatures * padded).map((i) =>
      i % padded < groups ? values[(i % padded) * outFeatures + Math.floor(i / padded)] : 0,
    );
  return [
    words("qweight", [outFeatures, inFeatures / 8], transpose(codes, [inFeatures, outFeatures], [1, 0])),
    words("qzeros", [outFeatures, padded / 8], byOutput(zeros)),
    half("scales", [outFeatures, padded], byOutput(scales)),
  ];
}

/** AutoAWQ's `pack_intweight`, reshape by reshape: 32 inputs in eights, each eight's evens first, four outputs woven by 64 inputs. */
function packGemvFast({
  inFeatures: k,
  outFeatures: n,
  groups,
  groupSize,
  codes,
  zeros,
  scales,
}: Module): TensorData[] {
  let packed = transpose(codes, [k, n], [1, 0]);
  packed = transpose(packed, [n, k / 32, 4, 4, 2], [0, 1, 3, 2, 4]);
  packed = transpose(packed, [n, k / 32, 4, 4, 2], [0, 1, 2, 4, 3]);
  packed = transpose(packed, [n / 4, 4, k / 64, 64], [0, 2, 1, 3]);
  const halfwords = Uint16Array.from(range((n * k) / 4), (i) =>
    packed.slice(4 * i, 4 * i + 4).reduce((word, code, j) => word | (code << (4 * j)), 0),
  );
  const multiple = { 128: 1, 64: 2, 32: 4 }[groupSize] ?? 1;
  const padded = 8 * multiple * Math.ceil(Math.ceil(groups / 8) / multiple);
  const pad = (values: readonly number[]): number[] => [
    ...values,
    ...Array<number>(padded * n - values.length).fill(0),
  ];
  return [
    tensor("layer.qweight", "I16", [n / 4, k], halfwords),
    half("qzeros", [padded, n], pad(zeros.map((zero, i) => -zero * scales[i]))),
    half("scales", [padded, n], pad(scales)),
  ];
}

const config = { quant_method: "awq", bits: 4, group_size: 128, zero_point: true, version: "gemm" };
const packers = { gemm: packGemm, gemv: packGemv, gemv_fast: packGemvFast } as const;

describe("every packing comes back exactly", () => {
  const combinations = (["gemm", "gemv", "gemv_fast"] as const).flatMap((version) =>
    [32, 64, 128, 256].map((groupSize) => ({ version, groupSize })),
  );
  test.each(combinations)("$version, groups of $groupSize", ({ version, groupSize }) => {
    const module = randomModule(256, 24, groupSize);
    const declared = { ...config, version: version.toUpperCase(), group_size: groupSize === 256 ? -1 : groupSize };
    const { weight, outline, warnings, format } = decodeModule(packers[version](module), { config: declared });
    expect(dequantize(weight)).toEqual(expectedValues(module));
    expect(outline).toEqual({ scheme: "affine-zero", inFeatures: 256, outFeatures: 24, bits: 4, groupSize });
    expect(warnings).toEqual([]);
    expect(format.name).toBe("awq");
  });

  test("llm-awq's names", () => {
    const tensors = packGemvFast(module128).map((each) => ({
      ...each,
      name: each.name.replace("qzeros", "scaled_zeros"),
    }));
    const { weight, warnings } = decodeModule(tensors, {
      config: { ...config, version: undefined, backend: "llm-awq" },
    });
    expect(dequantize(weight)).toEqual(expectedValues(module128));
    expect(warnings).toEqual([]);
  });

  test("no config, as the shapes tell", () => {
    const { format, weight } = decodeModule(packGemm(module128));
    expect(format.name).toBe("awq");
    expect(dequantize(weight)).toEqual(expectedValues(module128));
  });

  test("no zero points, where that is declared", () => {
    const tensors = packGemm(module128).filter(({ name }) => name !== "layer.qzeros");
    const { weight } = decodeModule(tensors, { config: { ...config, zero_point: false } });
    expect(dequantize(weight)).toEqual(expectedValues({ ...module128, zeros: module128.zeros.map(() => 8) }));
    expect(() => decodeModule(tensors, { config })).toThrow("there are no qzeros");
  });
});

describe("the shapes decide", () => {
  test("a label of another packing is warned of", () => {
    const { weight, warnings } = decodeModule(packGemv(module128), { config });
    expect(dequantize(weight)).toEqual(expectedValues(module128));
    expect(warnings).toEqual([
      expect.stringContaining("declares the AWQ version gemm, but tensors have the shapes of gemv"),
    ]);
  });

  test("unless the user insists", () => {
    expect(() => decodeModule(packGemv(module128), { config, checkpointFormat: "gemm" })).toThrow(
      "the shapes of no packing of AWQ",
    );
    expect(() => decodeModule(packGemv(module128), { config, checkpointFormat: "gptq" })).toThrow(RequestError);
  });

  test("a group size that is not the config's", () => {
    const { weight } = decodeModule(packGemv(randomModule(256, 24, 32)), { config: { ...config, version: "gemv" } });
    expect(weight).toMatchObject({ groupSize: 32 });
  });
});

describe("refused", () => {
  const tensors = packGemm(module128);
  const reshaped = (name: string, shape: number[], dtype?: string): TensorData[] =>
    tensors.map((each) => (each.name === `layer.${name}` ? { ...each, shape, dtype: dtype ?? each.dtype } : each));
  const scaledBy = (factor: number): TensorData[] =>
    packGemvFast({ ...module128, zeros: module128.zeros.map((zero) => zero * factor) });

  test.each<readonly [string, readonly TensorData[], unknown, new (message: string) => Error, string]>([
    ["an unknown version", tensors, { ...config, version: "gemm2" }, UnsupportedError, '"gemm2"'],
    ["activations to be scaled", [...tensors, half("act.scales", [8], range(8))], config, UnsupportedError, "scales an activation"],
    ["no scales", tensors.slice(0, 2), config, FormatError, "has no scales"],
    ["other zeros", reshaped("qzeros", [4, 4]), config, FormatError, "qzeros must be [2, 8]"],
    ["floats as zeros", reshaped("qzeros", [2, 8], "F16"), config, UnsupportedError, "holds F16"],
    ["shapes of nothing", reshaped("scales", [2, 63]), config, FormatError, "the shapes of no packing"],
    ["no groups", reshaped("scales", [0, 64]), config, FormatError, "qzeros must be"],
    ["one dimension", reshaped("qweight", [2048]), config, FormatError, "not 2-D"],
    ["halves as codes", reshaped("qweight", [256, 8], "F16"), config, UnsupportedError, "holds F16"],
    ["zero points that are not whole", scaledBy(0.9), { ...config, version: "gemv_fast" }, UnsupportedError, "whole ones from 0 to 15"],
    ["zero points out of range", scaledBy(3), { ...config, version: "gemv_fast" }, UnsupportedError, "whole ones from 0 to 15"],
    ["a number as a version", tensors, { ...config, version: 3 }, FormatError, '"version" must be a string'],
  ])("%s", (_, found, declared, error, message) => {
    const decode = (options: DecodeOptions): unknown => decodeModule(found, options);
    expect(() => decode({ config: declared })).toThrow(error);
    expect(() => decode({ config: declared })).toThrow(message);
  }); // prettier-ignore
});
