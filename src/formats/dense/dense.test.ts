import { describe, expect, test } from "vitest";
import { bytesOf } from "../../util/bytes.ts";
import { FormatError, RequestError, UnsupportedError } from "../../util/errors.ts";
import { parseJsonObject } from "../../util/json.ts";
import { recogniseFormat, unpackedModules } from "../formats.ts";
import type { TensorData } from "../weight-format.ts";
import { decodeVector } from "./dense.ts";

const tensor = (name: string, shape: number[], dtype = "F32"): TensorData => ({
  name,
  dtype,
  shape,
  bytes: bytesOf(Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, i) => i)),
});
const byName = (...tensors: TensorData[]) => new Map(tensors.map((found) => [found.name, found]));
const ignore = (): void => undefined;
const evidence = (tensors: ReadonlyMap<string, TensorData>, declared?: string) => ({
  ...(declared !== undefined && { declared: parseJsonObject(new TextEncoder().encode(declared), "config.json") }),
  label: "config.json",
  metadata: new Map<string, string>(),
  tensors,
});

describe("dense", () => {
  test("reads X.weight as [out][in]", () => {
    const tensors = byName(tensor("up.weight", [2, 3]));
    const format = recogniseFormat(evidence(tensors));
    expect(format.name).toBe("dense");
    expect(format.markedModule("up.weight")).toBeUndefined();
    expect(format.describe("up", tensors)).toEqual({ scheme: "dense", inFeatures: 3, outFeatures: 2, bits: 32 });
    expect(format.decode("up", tensors, ignore)).toEqual({
      scheme: "dense",
      inFeatures: 3,
      outFeatures: 2,
      type: "f32",
      values: tensors.get("up.weight")?.bytes,
    });
  });

  test.each([
    ["other element types", tensor("up.weight", [2, 3], "F8_E4M3"), UnsupportedError, "holds F8_E4M3"],
    ["three dimensions", tensor("up.weight", [2, 3, 1]), FormatError, "must be [out, in]"],
    ["no rows", tensor("up.weight", [0, 3]), FormatError, "outFeatures is 0"],
    ["another name", tensor("up.bias", [2]), FormatError, 'no tensor "up.weight"'],
  ])("refuses %s", (_, found, error, message) => {
    const decode = () => unpackedModules.decode("up", byName(found), ignore);
    expect(decode).toThrow(error);
    expect(decode).toThrow(message);
  });

  test("has no variants to choose from", () => {
    const recognise = () =>
      recogniseFormat(evidence(byName(tensor("up.weight", [2, 3]))), { checkpointFormat: "gptq" });
    expect(recognise).toThrow(RequestError);
    expect(recognise).toThrow('not "gptq"');
  });

  test("vectors", () => {
    expect(decodeVector(tensor("norm.weight", [3]))).toEqual(Float32Array.of(0, 1, 2));
    expect(() => decodeVector(tensor("norm.weight", [1, 3]))).toThrow("a vector is needed");
    expect(() => decodeVector(tensor("ids", [3], "I32"))).toThrow(UnsupportedError);
  });
});

describe("a packed checkpoint that no format takes is never read as dense", () => {
  test.each([
    ["declared", '{"quant_method":"exl3"}', "up.weight", 'quantization method "exl3"'],
    ["declared without a method", '{"bits":4}', "up.weight", "without naming its method"],
    ["shown by its tensors", undefined, "up.trellis", "belongs to EXL3"],
    ["of shapes that are no GPTQ's", undefined, "up.qweight", "GPTQ or AWQ"],
  ])("%s", (_, declared, name, message) => {
    const recognise = () => recogniseFormat(evidence(byName(tensor(name, [2, 3])), declared));
    expect(recognise).toThrow(UnsupportedError);
    expect(recognise).toThrow(message);
    expect(recognise).toThrow(" and unquantized checkpoints can be read");
  });
});
