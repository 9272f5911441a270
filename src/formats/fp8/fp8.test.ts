import { describe, expect, test } from "vitest";
import { FormatError, RequestError, UnsupportedError } from "../../util/errors.ts";
import { dequantize } from "../../weights/dequantize.ts";
import { decodeModule, range, tensor } from "../format-test-kit.ts";
import type { TensorData } from "../weight-format.ts";

/** 1.5 and -0.25 by turns: codes 0x3c and 0xa8 of e4m3. */
function codes(outFeatures: number, inFeatures: number): TensorData {
  const bytes = Uint8Array.from(range(outFeatures * inFeatures), (i) => (i % 2 === 0 ? 0x3c : 0xa8));
  return tensor("layer.weight", "F8_E4M3", [outFeatures, inFeatures], bytes);
}

function values(outFeatures: number, inFeatures: number, of: (n: number, k: number, value: number) => number) {
  return Float32Array.from(range(outFeatures * inFeatures), (i) =>
    of(Math.floor(i / inFeatures), i % inFeatures, (i % inFeatures) % 2 === 0 ? 1.5 : -0.25),
  );
}

const scale = (shape: readonly number[], data: readonly number[], name = "weight_scale"): TensorData =>
  tensor(`layer.${name}`, "F32", shape, Float32Array.from(data));

describe("fp8", () => {
  test.each([
    ["a scalar", [], [0.7], () => 0],
    ["one number", [1], [0.7], () => 0],
    ["one an output", [3], [1, 0.1, 7], (n: number) => n],
    ["a column", [3, 1], [1, 0.1, 7], (n: number) => n],
  ] as const)("scales: %s", (_, shape, data, indexOf) => {
    const { weight, outline } = decodeModule([codes(3, 6), scale(shape, data)], { config: { quant_method: "fp8" } });
    expect(dequantize(weight)).toEqual(values(3, 6, (n, _k, value) => value * Math.fround(data[indexOf(n)] ?? 0)));
    expect(outline).toEqual({ scheme: "float8", inFeatures: 6, outFeatures: 3, bits: 8, groupSize: 6 });
  });

  const blockScales = [0.5, 3, 0.1, 0.7];
  const blockOf = (n: number, k: number): number => Math.fround(blockScales[2 * (n >> 7) + (k >> 7)]);

  test.each([
    ["multiply", {}, (value: number, by: number) => value * by],
    ["divide in GPTQModel's files", { weight_scale_semantics: "inverse" }, (value: number, by: number) => value / by],
  ] as const)("scales of ragged blocks: weight_scale_inv %s", (_, members, apply) => {
    const config = { quant_method: "fp8", weight_block_size: [128, 128], ...members };
    const found = [codes(130, 200), scale([2, 2], blockScales, "weight_scale_inv")];
    const { weight } = decodeModule(found, { config });
    expect(dequantize(weight)).toEqual(values(130, 200, (n, k, value) => apply(value, blockOf(n, k))));
  });

  test("ue8m0: bytes are exponents", () => {
    const scales = tensor("layer.weight_scale_inv", "F8_E8M0", [1, 2], Uint8Array.of(120, 129));
    const { weight } = decodeModule([codes(2, 256), scales], { config: { quant_method: "fp8", scale_fmt: "ue8m0" } });
    expect(dequantize(weight)).toEqual(values(2, 256, (_n, k, value) => value * 2 ** (k < 128 ? -7 : 2)));
  });

  test("blocks as the shapes have them where the config names others", () => {
    const config = { quant_method: "fp8", weight_block_size: [64, 64] };
    const { weight } = decodeModule([codes(2, 200), scale([1, 2], [1, 2])], { config });
    expect(dequantize(weight)).toEqual(values(2, 200, (_n, k, value) => value * (k < 128 ? 1 : 2)));
  });

  test("tells which activations it does not quantize, and that their scales are none of the weights'", () => {
    const config = { quant_method: "fp8", activation_scheme: "static" };
    const { format } = decodeModule([codes(2, 4), scale([], [1])], { config });
    expect(format.notes).toEqual([expect.stringContaining("quantized activations (8 float static)")]);
    expect(format.isBookkeeping("layer.input_scale")).toBe(true);
    expect(format.isBookkeeping("layer.weight_scale")).toBe(false);
    const { format: weightsOnly } = decodeModule([codes(2, 4), scale([], [1])], { config: { quant_method: "fp8" } });
    expect(weightsOnly.notes).toEqual([]);
  });

  test.each([
    ["scales of other outputs", [codes(3, 6), scale([4], [1, 1, 1, 1])], {}, FormatError, "are read"],
    ["scales in three dimensions", [codes(3, 6), scale([1, 1, 1], [1])], {}, FormatError, "are read"],
    ["no scale at all", [codes(3, 6), scale([0], [])], {}, FormatError, "are read"],
    ["two scales", [codes(3, 6), scale([], [1]), scale([], [1], "weight_scale_inv")], {}, FormatError, "has both"],
    ["codes of integers", [tensor("layer.weight", "I8", [1, 2], new Int8Array(2)), scale([], [1])], {}, UnsupportedError, "holds I8"],
    ["a block of one number", [codes(3, 6), scale([], [1])], { weight_block_size: [128] }, FormatError, "list of 2"],
    ["scales of unknown meaning", [codes(3, 6), scale([], [1])], { weight_scale_semantics: "log" }, UnsupportedError, '"log"'],
    ["codes that end early", [{ ...codes(3, 6), bytes: new Uint8Array(17) }, scale([], [1])], {}, FormatError, "take 17 bytes"],
  ] as const)("refuses %s", (_, found, members, error, message) => {
    const decode = (): unknown => decodeModule(found, { config: { quant_method: "fp8", ...members } });
    expect(decode).toThrow(error);
    expect(decode).toThrow(message);
  }); // prettier-ignore

  test("refuses an override", () => {
    const found = [codes(3, 6), scale([], [1])];
    expect(() => decodeModule(found, { config: { quant_method: "fp8" }, checkpointFormat: "v2" })).toThrow(
      RequestError,
    );
  });
});
