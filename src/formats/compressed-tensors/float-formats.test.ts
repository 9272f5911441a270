import { describe, expect, test } from "vitest";
import { FormatError, UnsupportedError } from "../../util/errors.ts";
import { dequantize } from "../../weights/dequantize.ts";
import { decodeModule, range, tensor } from "../format-test-kit.ts";

const config = (format: string, weights: Record<string, unknown> = {}): unknown => ({
  quant_method: "compressed-tensors",
  format,
  config_groups: { group_0: { targets: ["Linear"], format, weights } },
});

const magnitudes = [0, 0.5, 1, 1.5, 2, 3, 4, 6];

describe("FP4", () => {
  // Two outputs, 64 inputs; code i % 16 at input i, low nibble first.
  const codes = Uint8Array.from(range(64), (i) => ((2 * i) % 16) | (((2 * i + 1) % 16) << 4));
  const valueOf = (code: number): number => (code < 8 ? magnitudes[code] : -magnitudes[code - 8]);

  test("MXFP4: exponents of every 32 inputs", () => {
    const exponents = Uint8Array.of(127, 130, 0, 254);
    const { weight, outline } = decodeModule(
      [tensor("layer.weight_packed", "U8", [2, 32], codes), tensor("layer.weight_scale", "U8", [2, 2], exponents)],
      { config: config("mxfp4-pack-quantized", { num_bits: 4 }) },
    );
    const expected = Float32Array.from(range(128), (i) => valueOf(i % 16) * 2 ** (exponents[i >> 5] - 127));
    expect(dequantize(weight)).toEqual(expected); // the sign of zero counts
    expect(outline).toEqual({ scheme: "codebook", inFeatures: 64, outFeatures: 2, bits: 4, groupSize: 32 });
  });

  test("NVFP4: e4m3 of every 16 inputs, divided by the global scale before weights are multiplied", () => {
    const scales = Uint8Array.from(range(8), (i) => 0x38 + i); // 1, 1.125, … 1.875
    const { weight } = decodeModule(
      [
        tensor("layer.weight_packed", "U8", [2, 32], codes),
        tensor("layer.weight_scale", "F8_E4M3", [2, 4], scales),
        tensor("layer.weight_global_scale", "F32", [1], Float32Array.of(3)),
      ],
      { config: config("nvfp4-pack-quantized", { num_bits: 4 }) },
    );
    const expected = Float32Array.from(
      range(128),
      (i) => valueOf(i % 16) * Math.fround((1 + Math.floor(i / 16) / 8) / 3),
    );
    expect(dequantize(weight)).toEqual(expected);
  });

  test.each([
    ["a global scale of zero", Float32Array.of(0), [2, 4], "one number other than 0"],
    ["two global scales", Float32Array.of(1, 2), [2, 4], "one number other than 0"],
    ["a global scale that is no number", Float32Array.of(NaN), [2, 4], "one number other than 0"],
    ["scales of 32 inputs", Float32Array.of(1), [2, 2], "for every 16 inputs"],
    ["scales of one output", Float32Array.of(1), [1, 4], "for every 16 inputs"],
  ])("refuses %s", (_, globalScale, shape, message) => {
    const found = [
      tensor("layer.weight_packed", "U8", [2, 32], codes),
      tensor("layer.weight_scale", "F8_E4M3", shape, new Uint8Array(shape[0] * shape[1])),
      tensor("layer.weight_global_scale", "F32", [globalScale.length], globalScale),
    ];
    const decode = (): unknown => decodeModule(found, { config: config("nvfp4-pack-quantized") });
    expect(decode).toThrow(FormatError);
    expect(decode).toThrow(message);
  });

  test("refuses exponents that are floats", () => {
    const found = [
      tensor("layer.weight_packed", "U8", [2, 32], codes),
      tensor("layer.weight_scale", "F32", [2, 2], new Float32Array(4)),
    ];
    expect(() => decodeModule(found, { config: config("mxfp4-pack-quantized") })).toThrow(UnsupportedError);
  });
});

describe("8-bit floats", () => {
  const codes = Uint8Array.from(range(4 * 64), (i) => (i % 2 === 0 ? 0x38 : 0xb8)); // 1, -1
  const signs = (scaleOf: (n: number, k: number) => number): Float32Array =>
    Float32Array.from(range(256), (i) => (i % 2 === 0 ? 1 : -1) * scaleOf(i >> 6, i % 64));

  test.each([
    ["tensor", [1], [3], {}, () => 3],
    ["channel", [4, 1], [1, 2, 3, 4], {}, (n: number) => n + 1],
    ["group", [4, 2], range(8), { group_size: 32 }, (n: number, k: number) => 2 * n + (k >> 5)],
    ["block", [2, 4], range(8), { block_structure: [2, 16] }, (n: number, k: number) => 4 * (n >> 1) + (k >> 4)],
    // Blocks of 3 rows and of 48 inputs: both last ones are short.
    ["block", [2, 2], range(4), { block_structure: [3, 48] }, (n: number, k: number) => 2 * (n === 3 ? 1 : 0) + (k < 48 ? 0 : 1)],
  ] as const)("strategy %s with scales of %j", (strategy, shape, scales, members, scaleOf) => {
    const { weight } = decodeModule(
      [
        tensor("layer.weight", "F8_E4M3", [4, 64], codes),
        tensor("layer.weight_scale", "F32", shape, Float32Array.from(scales)),
      ],
      { config: config("float-quantized", { num_bits: 8, strategy, ...members }) },
    );
    expect(dequantize(weight)).toEqual(signs(scaleOf));
  }); // prettier-ignore

  test("mxfp8: exponents of every 32 inputs", () => {
    const { weight } = decodeModule(
      [
        tensor("layer.weight", "F8_E4M3", [4, 64], codes),
        tensor(
          "layer.weight_scale",
          "U8",
          [4, 2],
          Uint8Array.from(range(8), (i) => 120 + i),
        ),
      ],
      { config: config("mxfp8-quantized", { num_bits: 8, group_size: 32 }) },
    );
    expect(dequantize(weight)).toEqual(signs((n, k) => 2 ** (2 * n + (k >> 5) - 7)));
  });
});
