import { describe, expect, test } from "vitest";
import { FormatError, IoError, RequestError, UnsupportedError } from "../util/errors.ts";
import { findWeights } from "./find-weights.ts";

const parts = ["output-00001-of-00002.safetensors", "output-00002-of-00002.safetensors"];

const split = ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"];

describe("findWeights", () => {
  test.each([
    ["one file", ["config.json", "model.safetensors"], { container: "safetensors", files: ["model.safetensors"] }],
    [
      "one file before an index left over from another model",
      ["model.safetensors", "model.safetensors.index.json", "logits.safetensors"],
      { container: "safetensors", files: ["model.safetensors"] },
    ],
    ["an index", ["model.safetensors.index.json", ...parts], { index: "model.safetensors.index.json" }],
    [
      "an index of another name",
      ["output.safetensors.index.json", ...parts],
      { index: "output.safetensors.index.json" },
    ],
    ["parts without an index", ["config.json", ...parts], { container: "safetensors", files: parts }],
    [
      "the name of an old quantizer",
      ["gptq_model-4bit-128g.safetensors", "other.safetensors"],
      { container: "safetensors", files: ["gptq_model-4bit-128g.safetensors"] },
    ],
    ["one GGUF", ["model-Q4_0.gguf", "mmproj-F16.gguf"], { container: "gguf", files: ["model-Q4_0.gguf"] }],
    ["one GGUF in parts", split, { container: "gguf", files: split }],
    [
      "whatever there is",
      ["a.safetensors", "b.safetensors"],
      { container: "safetensors", files: ["a.safetensors", "b.safetensors"] },
    ],
  ])("%s", (_, names, expected) => {
    expect(findWeights(names, "m")).toEqual(expected);
  });

  test("a base name that the config gives", () => {
    const found = findWeights(["a.safetensors", "mine.safetensors"], "m", { baseName: "mine" });
    expect(found).toEqual({ container: "safetensors", files: ["mine.safetensors"] });
  });

  test("a file that the user names, of a set any part", () => {
    const names = ["model.safetensors", ...parts];
    expect(findWeights(names, "m", { wanted: "model.safetensors" })).toEqual({
      container: "safetensors",
      files: ["model.safetensors"],
    });
    expect(findWeights(names, "m", { wanted: parts[1] })).toEqual({ container: "safetensors", files: parts });
    expect(() => findWeights(names, "m", { wanted: "none.safetensors" })).toThrow(IoError);
    expect(findWeights(["ggml-model.bin"], "m", { wanted: "ggml-model.bin" })).toEqual({
      container: "ggml",
      files: ["ggml-model.bin"],
    });
    expect(() => findWeights(["x.pt", ...names], "m", { wanted: "x.pt" })).toThrow("is a pickle");
    const config = () => findWeights(["config.json", ...names], "m", { wanted: "config.json" });
    expect(config).toThrow("m/config.json: is no .safetensors, .gguf or .bin file; name the model's folder");
  });

  test.each([
    ["a missing part", parts.slice(0, 1), FormatError, "1 of the 2 parts"],
    ["a pickle", ["config.json", "pytorch_model.bin"], UnsupportedError, "is a pickle, which can run any code"],
    [
      "several models",
      ["a-Q4_0.gguf", "a-Q8_0.gguf"],
      RequestError,
      'has several models, "a-Q4_0.gguf", "a-Q8_0.gguf"',
    ],
    ["nothing", ["config.json"], IoError, "has no .safetensors or .gguf files"],
  ])("refuses %s", (_, names, error, message) => {
    expect(() => findWeights(names, "m")).toThrow(error);
    expect(() => findWeights(names, "m")).toThrow(message);
  });
});
