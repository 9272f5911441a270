import { expect, test } from "vitest";
import { FormatError, RequestError, UnsupportedError } from "../../util/errors.ts";
import { dequantize } from "../../weights/dequantize.ts";
import { decodeModule, range, tensor } from "../format-test-kit.ts";
import type { TensorData } from "../weight-format.ts";

const config = { quant_method: "mxfp4" };
const e2m1 = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6];

/** Two experts of 3 outputs and 64 inputs; code i of all is i % 13. */
const codes = Uint8Array.from(range(192), (i) => ((2 * i) % 13) | (((2 * i + 1) % 13) << 4));
const scales = Uint8Array.from(range(12), (i) => 120 + i);
const value = (i: number): number => e2m1[i % 13] * 2 ** (scales[i >> 5] - 127);

test("a stack is the rows of all its experts, the even input in the low nibble", () => {
  const { weight, outline } = decodeModule(
    [tensor("layer_blocks", "U8", [2, 3, 2, 16], codes), tensor("layer_scales", "U8", [2, 3, 2], scales)],
    { config },
  );
  expect(dequantize(weight)).toEqual(Float32Array.from(range(384), value));
  expect(outline).toEqual({ scheme: "codebook", inFeatures: 64, outFeatures: 6, bits: 4, groupSize: 32 });
});

test("one expert of the stack", () => {
  const { weight } = decodeModule(
    [tensor("layer_blocks", "U8", [3, 2, 16], codes.slice(96)), tensor("layer_scales", "U8", [3, 2], scales.slice(6))],
    { config },
  );
  expect(dequantize(weight)).toEqual(Float32Array.from(range(192), (i) => value(192 + i)));
});

const blocks = tensor("layer_blocks", "U8", [2, 3, 2, 16], codes);
test.each<[string, TensorData[], new () => Error, string]>([
  ["no scales", [blocks], FormatError, 'no tensor "layer_scales"'],
  ["scales of other groups", [blocks, tensor("layer_scales", "U8", [2, 3, 1], scales.slice(6))], FormatError, "a scale goes with every 16 bytes"],
  ["blocks of another size", [tensor("layer_blocks", "U8", [2, 3, 4, 8], codes), tensor("layer_scales", "U8", [2, 3, 4], scales)], FormatError, "every 16 bytes"],
  ["floats", [tensor("layer_blocks", "F16", [2, 3, 2, 16], codes), tensor("layer_scales", "U8", [2, 3, 2], scales)], UnsupportedError, "holds F16"],
])("%s: refused", (_, tensors, error, message) => {
  const decode = (): unknown => decodeModule(tensors, { config });
  expect(decode).toThrow(error);
  expect(decode).toThrow(message);
}); // prettier-ignore

test("an override names no variant", () => {
  expect(() => decodeModule([blocks], { config, checkpointFormat: "v2" })).toThrow(RequestError);
});
