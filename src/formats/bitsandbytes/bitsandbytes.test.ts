import { describe, expect, test } from "vitest";
import { FormatError, RequestError, UnsupportedError } from "../../util/errors.ts";
import { dequantize } from "../../weights/dequantize.ts";
import { decodeModule, range, tensor } from "../format-test-kit.ts";
import type { TensorData } from "../weight-format.ts";

const config = { quant_method: "bitsandbytes", load_in_4bit: true };
const table = Float32Array.from(range(16), (i) => (i - 7) / 9);

/** 3 outputs of 20 inputs in blocks of 8, which cross rows. The code of flat weight i is i % 16; even ones are high nibbles. */
const codes = Uint8Array.from(range(30), (i) => (((2 * i) % 16) << 4) | ((2 * i + 1) % 16));
const absmax = Float32Array.from(range(8), (i) => 0.1 + i);
const state = (members: Record<string, unknown> = {}): TensorData => {
  const text = JSON.stringify({ quant_type: "nf4", blocksize: 8, dtype: "float16", shape: [3, 20], ...members });
  return tensor("layer.weight.quant_state.bitsandbytes__nf4", "U8", [text.length], new TextEncoder().encode(text));
};
const module4 = (...others: readonly TensorData[]): TensorData[] => [
  tensor("layer.weight", "U8", [30, 1], codes),
  tensor("layer.weight.quant_map", "F32", [16], table),
  ...others,
];
const plainScales = tensor("layer.weight.absmax", "F32", [8], absmax);

describe("4 bit", () => {
  test("blocks run on from row to row", () => {
    const { weight, outline } = decodeModule(module4(plainScales, state()), { config });
    expect(dequantize(weight)).toEqual(Float32Array.from(range(60), (i) => table[i % 16] * absmax[i >> 3]));
    expect(outline).toEqual({ scheme: "codebook", inFeatures: 20, outFeatures: 3, bits: 4, groupSize: 8 });
  });

  test("bytes under another dtype are the same bytes", () => {
    const found = module4(plainScales, state());
    found[0] = tensor("layer.weight", "BF16", [15, 1], codes);
    const { weight } = decodeModule(found, { config });
    expect(dequantize(weight)[59]).toBe(Math.fround(table[11] * absmax[7]));
  });

  test("scales that are quantized too: a product, then a sum, each rounded", () => {
    const outer = Float32Array.of(0.3, 0.7);
    const map = Float32Array.from(range(256), (i) => (i - 128) / 127);
    const inner = Uint8Array.from(range(8), (i) => 30 * i);
    const { weight } = decodeModule(
      module4(
        tensor("layer.weight.absmax", "U8", [8], inner),
        tensor("layer.weight.nested_absmax", "F32", [2], outer),
        tensor("layer.weight.nested_quant_map", "F32", [256], map),
        state({ nested_blocksize: 4, nested_offset: 0.2 }),
      ),
      { config },
    );
    const scaleOf = (block: number): number =>
      Math.fround(Math.fround(map[inner[block]] * outer[block >> 2]) + Math.fround(0.2));
    expect(dequantize(weight)).toEqual(Float32Array.from(range(60), (i) => table[i % 16] * scaleOf(i >> 3)));
  });

  test.each([
    ["a shape that the codes do not fill", module4(plainScales, state({ shape: [3, 22] })), FormatError, "does not hold the [3, 22]"],
    ["a shape of one number", module4(plainScales, state({ shape: [60] })), FormatError, "list of 2"],
    ["scales too few", module4(tensor("layer.weight.absmax", "F32", [7], absmax.subarray(1)), state()), FormatError, "scales take 28"],
    ["another codebook", module4(plainScales, state({ quant_type: "af4" })), UnsupportedError, '"af4"'],
    ["no state", module4(plainScales), FormatError, "has 0 tensors"],
    ["a state that is no JSON", module4(plainScales, { ...state(), bytes: codes }), FormatError, "quant_state"],
    ["a table of eight", [...module4(plainScales, state()).slice(0, 1), tensor("layer.weight.quant_map", "F32", [8], table.subarray(8)), plainScales, state()], FormatError, "8 values where 16"],
    ["nested scales that are missing", module4(tensor("layer.weight.absmax", "U8", [8], new Uint8Array(8)), state({ nested_blocksize: 4 })), FormatError, "no weight.nested_absmax"],
    ["blocks of nothing", module4(plainScales, state({ blocksize: 0 })), FormatError, "at least 1"],
  ] as const)("refuses %s", (_, found, error, message) => {
    const decode = (): unknown => decodeModule(found, { config });
    expect(decode).toThrow(error);
    expect(decode).toThrow(message);
  }); // prettier-ignore
});

describe("LLM.int8", () => {
  const int8 = { quant_method: "bitsandbytes", load_in_8bit: true };
  const found = [
    tensor("layer.weight", "I8", [2, 3], Int8Array.of(127, -127, 0, 5, -128, 77)),
    tensor("layer.SCB", "F32", [2], Float32Array.of(0.3, 7)),
    tensor("layer.weight_format", "U8", [], Uint8Array.of(0)),
  ];

  test("code times scale, rounded, then over 127", () => {
    const { weight, format } = decodeModule(found, { config: int8 });
    const scale = Math.fround(0.3);
    const row = [127, -127, 0].map((code) => Math.fround(code * scale) / 127);
    expect(dequantize(weight)).toEqual(Float32Array.of(...row, 35 / 127, -896 / 127, 539 / 127));
    expect(format.notes).toEqual([expect.stringContaining("LLM.int8")]);
  });

  test("refuses the tiles of old GPUs", () => {
    const tiled = [...found.slice(0, 2), tensor("layer.weight_format", "U8", [], Uint8Array.of(2))];
    expect(() => decodeModule(tiled, { config: int8 })).toThrow(UnsupportedError);
  });
});

test("refuses an override", () => {
  const found = module4(plainScales, state());
  expect(() => decodeModule(found, { config, checkpointFormat: "fp4" })).toThrow(RequestError);
});
