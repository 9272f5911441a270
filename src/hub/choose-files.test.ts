import { describe, expect, test } from "vitest";
import { FormatError, IoError, RequestError, UnsupportedError } from "../util/errors.ts";
import { chooseFiles, type ChosenFiles } from "./choose-files.ts";

const indexOf = (...names: readonly unknown[]): string =>
  JSON.stringify({ weight_map: Object.fromEntries(names.map((name, i) => [`tensor.${i}`, name])) });

function choose(
  paths: readonly string[],
  { variant, index }: { readonly variant?: string; readonly index?: string } = {},
): Promise<ChosenFiles> {
  return chooseFiles(paths, {
    label: "org/name",
    variant,
    readIndex: () => {
      if (index === undefined) throw new Error("nobody needs an index here");
      return Promise.resolve(new TextEncoder().encode(index));
    },
  });
}

describe("a safetensors repository", () => {
  test("gives what a checkpoint needs, and nothing else", async () => {
    const needed = [
      ...["config.json", "generation_config.json", "quantize_config.json"],
      ...["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "tokenizer.model", "merges.txt"],
      ...["chat_template.jinja", "additional_chat_templates/rag.jinja", "qwen.tiktoken"],
    ];
    const others = [
      ...["README.md", ".gitattributes", "LICENSE", "trainer_state.json", "measurement.json", "modeling_custom.py"],
      ...["pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5", "onnx/model.onnx", "model.onnx"],
      ...["original/consolidated.00.pth", "original/params.json", "consolidated.safetensors", "onnx/config.json"],
      ...["model.safetensors.index.json", "checkpoint-10/model.safetensors", "model.fp16.safetensors"],
      ...["adapter_model.safetensors", "flax_model.msgpack", "name.Q4_K_M.gguf"],
    ];
    const { paths, file } = await choose([...others, ...needed, "model.safetensors"]);
    expect(paths.toSorted()).toEqual([...needed, "model.safetensors"].sort());
    expect(file).toBeUndefined();
  });

  test("gives the shards that the index names", async () => {
    const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    const repository = ["config.json", "model.safetensors.index.json", ...shards, "model-00001-of-00003.safetensors"];
    const { paths } = await choose(repository, { index: indexOf(...shards, shards[0]) });
    expect(paths).toEqual(repository.slice(0, 4));
  });

  test.each([
    ["old GPTQ names", ["gptq_model-4bit-128g.safetensors"]],
    ["a base name of the model's own", ["Llama-7B-GPTQ-4bit.act-order.safetensors"]],
    ["EXL2 in one file", ["output.safetensors"]],
    ["EXL2 in shards", ["output-00001-of-00002.safetensors", "output-00002-of-00002.safetensors"]],
    ["Mistral's names, where there are no others", ["consolidated.safetensors"]],
  ])("%s", async (_, weights) => {
    expect((await choose(["config.json", "README.md", ...weights])).paths).toEqual(["config.json", ...weights]);
  });

  test("the index of the model that this one was made from is left", async () => {
    const repository = ["config.json", "model.safetensors.index.json", "output.safetensors"];
    const { paths } = await choose(repository, { index: indexOf("model-00001-of-00001.safetensors") });
    expect(paths).toEqual(["config.json", "output.safetensors"]);
  });

  test("old GPTQ names come before what else is there", async () => {
    const { paths } = await choose(["gptq_model-4bit-128g.safetensors", "other.safetensors"]);
    expect(paths).toEqual(["gptq_model-4bit-128g.safetensors"]);
  });

  test.each([
    ["a shard that is missing", indexOf("a.safetensors", "b.safetensors")],
    ["a name that is a path", indexOf("../a.safetensors")],
    ["a name that is none", indexOf(7)],
    ["no names", indexOf()],
    ["no map", "{}"],
    ["no JSON", "<html>"],
  ])("an index with %s is refused", async (_, index) => {
    await expect(choose(["model.safetensors.index.json", "a.safetensors"], { index })).rejects.toThrow(FormatError);
  });

  test.each([
    ["only pickles", ["config.json", "pytorch_model.bin"], UnsupportedError],
    ["no weights", ["config.json", "README.md"], IoError],
    ["weights in folders of their own", ["unet/model.safetensors"], IoError],
    ["an adapter", ["adapter_config.json", "adapter_model.safetensors"], IoError],
    ["an index alone", ["model.safetensors.index.json"], IoError],
    ["nothing", [], IoError],
  ])("%s", async (_, paths, error) => {
    await expect(choose(paths)).rejects.toThrow(error);
  });
});

describe("a GGUF repository", () => {
  const split = [1, 2, 3].map((part) => `Q8_0/name-Q8_0-0000${part}-of-00003.gguf`);
  const repository = [
    ...["README.md", "config.json", "mmproj-name-f16.gguf", "name-imatrix.gguf"],
    ...["name-Q4_K_M.gguf", "name-UD-Q4_K_M.gguf", "name-IQ2_XS.gguf", "name-Q4_0.gguf", ...split.toReversed()],
  ];

  test.each([
    ["Q4_K_M", ["name-Q4_K_M.gguf"]],
    ["q4_k_m", ["name-Q4_K_M.gguf"]],
    ["UD-Q4_K_M", ["name-UD-Q4_K_M.gguf"]],
    ["iq2_xs", ["name-IQ2_XS.gguf"]],
    ["name-Q4_0.gguf", ["name-Q4_0.gguf"]],
    ["Q8_0", split],
  ])(":%s", async (variant, paths) => {
    expect(await choose(repository, { variant })).toEqual({ paths, file: paths[0] });
  });

  test("without a variant, the usual one is taken and said", async () => {
    const { paths, note } = await choose(repository);
    expect(paths).toEqual(["name-Q4_K_M.gguf"]);
    expect(note).toMatch(/Q4_K_M of 5 variants/);
    const only = await choose(["README.md", "model.gguf"]);
    expect(only).toEqual({ paths: ["model.gguf"], file: "model.gguf" });
  });

  test("beside safetensors, only a variant asks for it", async () => {
    const both = ["config.json", "model.safetensors", "model-Q4_0.gguf"];
    expect((await choose(both)).paths).toEqual(["config.json", "model.safetensors"]);
    expect((await choose(both, { variant: "Q4_0" })).paths).toEqual(["model-Q4_0.gguf"]);
  });

  test.each([
    ["a variant that there is not", repository, "Q5_K_M", /no variant "Q5_K_M"; there are .*"name-Q4_0"/],
    ["a part of a name", repository, "K_M", /no variant/],
    ["a variant of a repository without GGUF", ["model.safetensors"], "Q4_0", /has no GGUF files/],
    ["two that fit alike", ["a-Q4_0.gguf", "b-Q4_0.gguf"], "Q4_0", /may be "a-Q4_0" or "b-Q4_0"/],
    ["two models", ["short-Q4_0.gguf", "longer-Q4_0.gguf"], "Q4_0", /may be "short-Q4_0" or "longer-Q4_0"/],
    ["several, none of them usual", ["a-Q4_0.gguf", "a-Q8_0.gguf"], undefined, /has 2 GGUF models; name one/],
  ])("%s", async (_, paths, variant, message) => {
    const choosing = choose(paths, variant === undefined ? {} : { variant });
    await expect(choosing).rejects.toThrow(RequestError);
    await expect(choosing).rejects.toThrow(message);
  });

  test.each([
    ["a part that is missing", split.slice(1)],
    ["a part that is there twice over", [...split, "Q8_0/name-Q8_0-00001-of-00004.gguf"]],
  ])("%s", async (_, paths) => {
    await expect(choose(paths, { variant: "Q8_0" })).rejects.toThrow(FormatError);
  });
});
