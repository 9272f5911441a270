import { describe, expect, test } from "vitest";
import { FormatError, IoError, UnsupportedError } from "../util/errors.ts";
import { findWeights } from "./find-weights.ts";

const parts = ["output-00001-of-00002.safetensors", "output-00002-of-00002.safetensors"];

describe("findWeights", () => {
  test.each([
    ["one file", ["config.json", "model.safetensors"], { files: ["model.safetensors"] }],
    [
      "one file before an index left over from another model",
      ["model.safetensors", "model.safetensors.index.json", "logits.safetensors"],
      { files: ["model.safetensors"] },
    ],
    ["an index", ["model.safetensors.index.json", ...parts], { index: "model.safetensors.index.json" }],
    [
      "an index of another name",
      ["output.safetensors.index.json", ...parts],
      { index: "output.safetensors.index.json" },
    ],
    ["parts without an index", ["config.json", ...parts], { files: parts }],
    [
      "the name of an old quantizer",
      ["gptq_model-4bit-128g.safetensors", "other.safetensors"],
      { files: ["gptq_model-4bit-128g.safetensors"] },
    ],
    ["whatever there is", ["a.safetensors", "b.safetensors"], { files: ["a.safetensors", "b.safetensors"] }],
  ])("%s", (_, names, expected) => {
    expect(findWeights(names, "m")).toEqual(expected);
  });

  test("a base name that the config gives", () => {
    const found = findWeights(["a.safetensors", "mine.safetensors"], "m", { baseName: "mine" });
    expect(found).toEqual({ files: ["mine.safetensors"] });
  });

  test("a file that the user names, of a set any part", () => {
    const names = ["model.safetensors", ...parts];
    expect(findWeights(names, "m", { wanted: "model.safetensors" })).toEqual({ files: ["model.safetensors"] });
    expect(findWeights(names, "m", { wanted: parts[1] })).toEqual({ files: parts });
    expect(() => findWeights(names, "m", { wanted: "none.safetensors" })).toThrow(IoError);
    expect(() => findWeights(["x.pt", ...names], "m", { wanted: "x.pt" })).toThrow("is a pickle");
    const config = () => findWeights(["config.json", ...names], "m", { wanted: "config.json" });
    expect(config).toThrow("m/config.json: is no .safetensors file; name the model's folder");
  });

  test.each([
    ["a missing part", parts.slice(0, 1), FormatError, "1 of the 2 parts"],
    ["a pickle", ["config.json", "pytorch_model.bin"], UnsupportedError, "is a pickle, which can run any code"],
    ["GGUF", ["model.gguf"], UnsupportedError, "is GGUF"],
    ["nothing", ["config.json"], IoError, "has no .safetensors files"],
  ])("refuses %s", (_, names, error, message) => {
    expect(() => findWeights(names, "m")).toThrow(error);
    expect(() => findWeights(names, "m")).toThrow(message);
  });
});
