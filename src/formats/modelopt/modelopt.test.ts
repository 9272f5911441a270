import { describe, expect, test } from "vitest";
import { FormatError, RequestError, UnsupportedError } from "../../util/errors.ts";
import { dequantize } from "../../weights/dequantize.ts";
import { decodeModule, range, tensor } from "../format-test-kit.ts";

const scalar = (name: string, value: number) => tensor(`layer.${name}`, "F32", [], Float32Array.of(value));

test("FP8: one scale, which multiplies", () => {
  const codes = Uint8Array.from([0x38, 0xb8, 0x40, 0x01, 0x7e, 0x00]); // 1, -1, 2, 2^-9, 448, 0
  const { weight, format } = decodeModule(
    [tensor("layer.weight", "F8_E4M3", [2, 3], codes), scalar("weight_scale", 0.3), scalar("input_scale", 9)],
    { config: { quant_method: "modelopt", quant_algo: "FP8", kv_cache_scheme: { num_bits: 8 } } },
  );
  const scale = Math.fround(0.3);
  expect([...dequantize(weight)]).toEqual([1, -1, 2, 2 ** -9, 448, 0].map((value) => Math.fround(value * scale)));
  expect(format.name).toBe("modelopt");
  expect(format.isBookkeeping("layer.input_scale")).toBe(true);
});

describe("NVFP4", () => {
  const e2m1 = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6];
  const codes = Uint8Array.from(range(32), (i) => ((2 * i) % 16) | (((2 * i + 1) % 16) << 4));
  const scales = Uint8Array.of(0x38, 0x40, 0x31, 0x7e); // 1, 2, 0.5625, 448
  const weight = [
    tensor("layer.weight", "U8", [2, 16], codes),
    tensor("layer.weight_scale", "F8_E4M3", [2, 2], scales),
  ];
  // hf_quant_config.json
  const config = { producer: { name: "modelopt" }, quantization: { quant_algo: "NVFP4", group_size: 16 } };

  test("both scales multiply, the product rounded first", () => {
    const decoded = decodeModule([...weight, scalar("weight_scale_2", 0.1)], { config });
    const scaleOf = (group: number): number => Math.fround([1, 2, 0.5625, 448][group] * Math.fround(0.1));
    expect(dequantize(decoded.weight)).toEqual(
      Float32Array.from(range(64), (i) => Math.fround(e2m1[i % 16] * scaleOf(i >> 4))),
    );
    expect(decoded.outline).toMatchObject({ scheme: "codebook", bits: 4, groupSize: 16, inFeatures: 32 });
  });

  test.each([
    ["no second scale", weight, FormatError, "no weight_scale_2"],
    ["a second scale of 0", [...weight, scalar("weight_scale_2", 0)], FormatError, "one number other than 0"],
  ] as const)("%s: refused", (_, tensors, error, message) => {
    const decode = (): unknown => decodeModule(tensors, { config });
    expect(decode).toThrow(error);
    expect(decode).toThrow(message);
  });
});

test("other algorithms are refused by name, and so is an override", () => {
  const config = { quant_method: "modelopt", quant_algo: "W4A8_AWQ" };
  expect(() => decodeModule([], { config })).toThrow(UnsupportedError);
  expect(() => decodeModule([], { config })).toThrow('"W4A8_AWQ"; FP8 and NVFP4 can be read');
  expect(() => decodeModule([], { config: { quant_method: "modelopt" } })).toThrow("nothing that it names");
  expect(() =>
    decodeModule([], { config: { quant_method: "modelopt", quant_algo: "FP8" }, checkpointFormat: "x" }),
  ).toThrow(RequestError);
});
