import { describe, expect, test } from "vitest";
import { parseJsonObject } from "../util/json.ts";
import { UnsupportedError } from "../util/errors.ts";
import { dequantize } from "../weights/dequantize.ts";
import { decodeModule, halves, range, tensor, wordsOf } from "./format-test-kit.ts";
import { recogniseFormat } from "./formats.ts";

const recognise = (declared: object): string =>
  recogniseFormat({
    declared: parseJsonObject(new TextEncoder().encode(JSON.stringify(declared)), "config"),
    label: "config.json",
    metadata: new Map(),
    tensors: new Map(),
  }).name;

describe("AutoRound", () => {
  test.each([
    [{ quant_method: "auto-round", packing_format: "auto_round:auto_gptq", bits: 4, sym: true }, "gptq"],
    [{ quant_method: "auto-round", bits: 4, sym: true }, "gptq"],
    [{ quant_method: "intel/auto-round", backend: "auto_round:gptq:exllamav2", data_type: "int" }, "gptq"],
    [{ quant_method: "auto-round", packing_format: "auto_round:auto_awq" }, "awq"],
  ])("%j is read as %s", (config, name) => {
    expect(recognise(config)).toBe(name);
  });

  test.each([
    { quant_method: "auto-round", data_type: "mx_fp", packing_format: "auto_round:llm_compressor" },
    { quant_method: "intel/auto-round", backend: "auto_round:exllamav2" },
  ])("%j is refused", (config) => {
    expect(() => recognise(config)).toThrow(UnsupportedError);
    expect(() => recognise(config)).toThrow("auto_round:auto_gptq and auto_round:auto_awq can be read");
  });

  test("zero points are those of GPTQ v1", () => {
    const codes = range(64).map((i) => (5 * i) % 16); // [8 inputs][8 outputs]
    const words = wordsOf(
      range(8).flatMap((n) => range(8).map((k) => codes[8 * k + n])),
      4,
    );
    const { weight } = decodeModule(
      [
        tensor("layer.qweight", "I32", [1, 8], words),
        tensor("layer.qzeros", "I32", [1, 1], Uint32Array.of(0x76543210)),
        tensor("layer.scales", "F16", [1, 8], halves(range(8).map((n) => 2 ** -n))),
      ],
      {
        config: {
          quant_method: "auto-round",
          packing_format: "auto_round:auto_gptq",
          bits: 4,
          group_size: 8,
          sym: false,
        },
      },
    );
    const expected = Float32Array.from(
      range(64),
      (i) => (codes[8 * (i % 8) + (i >> 3)] - ((i >> 3) + 1)) * 2 ** -(i >> 3),
    );
    expect(dequantize(weight)).toEqual(expected);
  });
});

test.each([
  ["hqq", "HQQ has zero points that are floats"],
  ["aqlm", "AQLM adds up vectors"],
  ["vptq", "VPTQ"],
  ["eetq", "EETQ"],
  ["spqr", "SpQR"],
  ["higgs", "HIGGS"],
  ["torchao", "torchao"],
  ["quip", "QuIP#"],
  ["exl3", "EXL3"],
  ["bitnet", "BitNet"],
  ["novel", "take the same model in another format"],
])("%s is refused by name, with what to do", (method, words) => {
  const opening = (): unknown => recognise({ quant_method: method });
  expect(opening).toThrow(UnsupportedError);
  expect(opening).toThrow(`declares the quantization method "${method}"`);
  expect(opening).toThrow(words);
  expect(opening).toThrow("take the same model in another format, or quantize the original anew");
});
