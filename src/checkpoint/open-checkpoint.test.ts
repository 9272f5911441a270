import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fixtures } from "../../test/support/fixtures.ts";
import { writeSafetensors, type TensorToWrite } from "../containers/safetensors/write-safetensors.ts";
import type { ByteSource } from "../io/byte-source.ts";
import { openFolder } from "../io/folder.node.ts";
import type { Folder } from "../io/folder.ts";
import { openMemoryFolder } from "../io/memory-folder.ts";
import { asUint16 } from "../util/bytes.ts";
import { FormatError, UnsupportedError } from "../util/errors.ts";
import { widenBfloat16 } from "../util/float16.ts";
import { dequantize } from "../weights/dequantize.ts";
import { openCheckpoint } from "./open-checkpoint.ts";

const silent = { warn: (text: string) => expect.unreachable(text) };
const golden = (path: string): Promise<Folder> => openFolder(join(fixtures, path));

/** A golden folder in memory, with some files replaced or, by undefined, left out. */
async function changed(
  path: string,
  files: Readonly<Record<string, Uint8Array | string | undefined>>,
): Promise<Folder> {
  const found = new Map<string, Uint8Array>();
  for (const name of await readdir(join(fixtures, path))) found.set(name, await readFile(join(fixtures, path, name)));
  for (const [name, content] of Object.entries(files)) {
    if (content === undefined) found.delete(name);
    else found.set(name, typeof content === "string" ? new TextEncoder().encode(content) : content);
  }
  return openMemoryFolder(found, path);
}

async function safetensors(tensors: Readonly<Record<string, Float32Array>>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const toWrite: TensorToWrite[] = Object.entries(tensors).map(([name, values]) => ({
    name,
    dtype: "F32",
    shape: name.endsWith("proj.weight") ? [2, values.length / 2] : [values.length],
    data: () => [values],
  }));
  await writeSafetensors(toWrite, (bytes) => void chunks.push(bytes.slice()));
  return Buffer.concat(chunks);
}

describe("a GPTQ checkpoint", () => {
  const path = "models/gptq-4b-g128-sym-lmhead";

  test("modules: packed ones once, the rest by their own names", async () => {
    await using checkpoint = await openCheckpoint(await golden(path), silent);
    expect(checkpoint.format).toBe("gptq");
    expect(checkpoint.declared).toMatchObject({ bits: 4, checkpoint_format: "gptq" });
    expect(checkpoint.config).toMatchObject({ model_type: "llama" });
    expect(checkpoint.generationConfig).toMatchObject({ bos_token_id: 1, eos_token_id: 2 });
    const modules = checkpoint.modules();
    const layer = "model.layers.0.";
    for (const { name, shape } of modules.filter(({ name }) => checkpoint.hasLinear(name) && !name.endsWith("norm")))
      expect(checkpoint.shapeOf?.(name)).toMatchObject({ outFeatures: shape[0], inFeatures: shape[1] });
    expect(modules.map(({ name }) => name).sort()).toEqual(
      [
        "lm_head",
        "model.embed_tokens",
        "model.norm",
        ...["input_layernorm", "post_attention_layernorm"].map((name) => layer + name),
        ...["gate", "up", "down"].map((name) => `${layer}mlp.${name}_proj`),
        ...["q", "k", "v", "o"].map((name) => `${layer}self_attn.${name}_proj`),
      ].sort(),
    );
    expect(modules.find(({ name }) => name === "lm_head")).toEqual({
      name: "lm_head",
      shape: [320, 256],
      scheme: "affine-zero",
      bits: 8,
      groupSize: 32,
      byteLength: 64 * 320 * 4 + 8 * 80 * 4 + 8 * 320 * 2 + 256 * 4,
    });
    expect(modules.find(({ name }) => name === "model.norm")).toMatchObject({
      shape: [256],
      scheme: "dense",
      bits: 16,
    });
    const bytesOf = (parts: Iterable<{ readonly byteLength: number }>): number =>
      [...parts].reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(bytesOf(modules)).toBe(bytesOf(checkpoint.tensors.values()));
  });

  test("weights by module, vectors by tensor", async () => {
    await using checkpoint = await openCheckpoint(await golden(path), silent);
    expect(checkpoint.hasLinear("lm_head")).toBe(true);
    expect(checkpoint.hasLinear("model.embed_tokens")).toBe(true);
    expect(checkpoint.hasLinear("model.layers.1.mlp.up_proj")).toBe(false);
    const head = await checkpoint.linear("lm_head");
    expect(head.weight).toMatchObject({ scheme: "affine-zero", inFeatures: 256, outFeatures: 320, bits: 8 });
    expect(head.bias).toBeUndefined();
    const embedding = await checkpoint.linear("model.embed_tokens");
    expect(embedding.weight).toMatchObject({ scheme: "dense", inFeatures: 256, outFeatures: 320, type: "f16" });
    expect(await checkpoint.vector("model.norm.weight")).toHaveLength(256);
    await expect(checkpoint.linear("model.layers.1.mlp.up_proj")).rejects.toThrow(FormatError);
    await expect(checkpoint.vector("lm_head.qweight")).rejects.toThrow(UnsupportedError);
    await expect(checkpoint.vector("nothing")).rejects.toThrow('has no tensor "nothing"');
  });

  test("the files that older quantizers wrote stand in for config.json", async () => {
    const declared = await readFile(join(fixtures, path, "quantize_config.json"));
    for (const name of ["quantize_config.json", "quant_config.json"]) {
      const folder = await changed(path, {
        "config.json": '{"model_type":"llama"}',
        "quantize_config.json": undefined,
        [name]: declared,
      });
      await using checkpoint = await openCheckpoint(folder, silent);
      expect(checkpoint.declared).toMatchObject({ bits: 4 });
      expect(checkpoint.format).toBe("gptq");
    }
  });

  test("a checkpoint of one file and no config opens, and is recognised by its shapes", async () => {
    const file = await readFile(join(fixtures, path, "model.safetensors"));
    await using checkpoint = await openCheckpoint(openMemoryFolder(new Map([["model.safetensors", file]])), silent);
    expect(checkpoint).toMatchObject({ config: undefined, declared: undefined, format: "gptq" });
    expect((await checkpoint.linear("lm_head")).weight).toMatchObject({ bits: 8, groupSize: 32 });
  });

  test("a forced convention reaches the decoder", async () => {
    await using checkpoint = await openCheckpoint(await golden(path), { ...silent, checkpointFormat: "gptq_v2" });
    const { weight } = await checkpoint.linear("lm_head");
    expect(weight).toMatchObject({ zeros: { order: "lsb-n" } });
  });

  test("of two contradictions in every module, each is told once", async () => {
    const config = await readFile(join(fixtures, path, "config.json"), "utf8");
    const mislabelled = config
      .replaceAll('"gptq"', '"gptq_v2"')
      .replace('"quant_method": "gptq_v2"', '"quant_method": "gptq"');
    const warnings: string[] = [];
    const folder = await changed(path, { "config.json": mislabelled.replace('"group_size": 128', '"group_size": 64') });
    await using checkpoint = await openCheckpoint(folder, { warn: (text) => warnings.push(text) });
    for (const module of checkpoint.modules()) if (!module.tensor) await checkpoint.linear(module.name);
    expect(warnings).toHaveLength(2);
    expect(new Set(warnings).size).toBe(2);
  });
});

describe("a dense checkpoint", () => {
  test("in parts with an index", async () => {
    await using checkpoint = await openCheckpoint(await golden("arch/llama3"), silent);
    expect(checkpoint.format).toBe("dense");
    expect(checkpoint.declared).toBeUndefined();
    expect(await checkpoint.linear("model.layers.0.mlp.gate_proj")).toMatchObject({
      weight: { scheme: "dense", inFeatures: 64, outFeatures: 160, type: "bf16" },
    });
    expect(checkpoint.tensors.has("logits")).toBe(false);
    expect(checkpoint.files).toContain("logits.safetensors");
  });

  test("a file that the user names is opened instead", async () => {
    await using checkpoint = await openCheckpoint(await golden("arch/llama3"), {
      ...silent,
      file: "logits.safetensors",
    });
    expect(checkpoint.modules()).toMatchObject([{ name: "logits", shape: [24, 256], scheme: "dense", bits: 32 }]);
  });

  test("biases, buffers and several files without an index", async () => {
    const folder = openMemoryFolder(
      new Map([
        [
          "a.safetensors",
          await safetensors({
            "q_proj.weight": Float32Array.of(1, 2, 3, 4, 5, 6),
            "q_proj.bias": Float32Array.of(0.5, 0),
            "k_proj.weight": Float32Array.of(1, 2),
            "k_proj.bias": Float32Array.of(0, -0),
            "rotary_emb.inv_freq": Float32Array.of(1),
          }),
        ],
        [
          "b.safetensors",
          await safetensors({ "v_proj.weight": Float32Array.of(1, 2), "v_proj.bias": Float32Array.of(1) }),
        ],
      ]),
    );
    await using checkpoint = await openCheckpoint(folder, silent);
    expect(
      checkpoint
        .modules()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(["k_proj", "k_proj.bias", "q_proj", "q_proj.bias", "v_proj", "v_proj.bias"]);
    const query = await checkpoint.linear("q_proj");
    expect(dequantize(query.weight)).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
    expect(query.bias).toEqual(Float32Array.of(0.5, 0));
    expect(await checkpoint.linear("k_proj")).not.toHaveProperty("bias");
    await expect(checkpoint.linear("v_proj")).rejects.toThrow("has 1 values for 2 outputs");
  });

  test("text beside the weights", async () => {
    const folder = await changed("arch/mistral", { "tokenizer.json": '{"é":1}', "bad.txt": Uint8Array.of(0xff) });
    await using checkpoint = await openCheckpoint(folder, silent);
    expect(await checkpoint.readText("tokenizer.json")).toBe('{"é":1}');
    expect(await checkpoint.readText("merges.txt")).toBeUndefined();
    expect(await checkpoint.readText("../config.json")).toBeUndefined();
    await expect(checkpoint.readText("bad.txt")).rejects.toThrow("not valid UTF-8");
  });
});

describe("stacks of experts", () => {
  const path = "arch/gpt-oss-mxfp4";
  const list = "model.layers.1.mlp.experts";

  test("an expert is found in its stack, bias and all", async () => {
    await using checkpoint = await openCheckpoint(await golden(path), silent);
    expect(checkpoint.format).toBe("mxfp4");
    const stack = dequantize((await checkpoint.linear(`${list}.down_proj`)).weight);
    const biases = checkpoint.tensors.get(`${list}.down_proj_bias`);
    const { weight, bias } = await checkpoint.linear(`${list}.3.down_proj`);
    expect(dequantize(weight)).toEqual(stack.slice(3 * 64 * 64));
    expect(bias).toEqual(widenBfloat16(asUint16((await biases?.read()) ?? new Uint8Array())).slice(3 * 64));
    expect(checkpoint.module(`${list}.3.down_proj`)).toMatchObject({ shape: [64, 64], scheme: "codebook", bits: 4 });
    expect(checkpoint.byteLengthOf(`${list}.3.down_proj`)).toBe(64 * 2 * 17 + 2 * 64);
    expect(() => checkpoint.hasLinear(`${list}.4.down_proj`)).toThrow("has no member 4");
  });

  test("unquantized ones lie inputs first", async () => {
    const values = Float32Array.from({ length: 2 * 3 * 5 }, (_, i) => i); // 2 experts of 3 inputs and 5 outputs
    const chunks: Uint8Array[] = [];
    const stack: TensorToWrite = { name: `${list}.down_proj`, dtype: "F32", shape: [2, 3, 5], data: () => [values] };
    await writeSafetensors([stack], (bytes) => void chunks.push(bytes.slice()));
    const folder = openMemoryFolder(new Map([["model.safetensors", Buffer.concat(chunks)]]), "stacked");
    await using checkpoint = await openCheckpoint(folder, silent);
    const { weight } = await checkpoint.linear(`${list}.1.down_proj`);
    expect(weight).toMatchObject({ inFeatures: 3, outFeatures: 5 });
    expect([...dequantize(weight)]).toEqual([0, 1, 2, 3, 4].flatMap((n) => [0, 1, 2].map((k) => 15 + 5 * k + n)));
    expect(checkpoint.shapeOf?.(`${list}.1.down_proj`)).toMatchObject({ inFeatures: 3, outFeatures: 5 });
    expect(checkpoint.hasLinear(`${list}.1.up_proj`)).toBe(false);
  });
});

describe("hostile folders", () => {
  test.each([
    ["a config that is no object", { "config.json": "[]" }, "must hold a JSON object"],
    ["a bomb of brackets", { "config.json": "[".repeat(1e6) }, "levels deep"],
    ["a config beyond 16 MiB", { "config.json": new Uint8Array(16 * 2 ** 20 + 1) }, "at most 16777216 are read"],
    ["a quantization that is no object", { "config.json": '{"quantization_config":[4]}' }, "must be an object"],
    ["a generation config cut short", { "generation_config.json": '{"a":' }, "is not valid JSON"],
    ["weights cut short", { "model.safetensors": new Uint8Array(7) }, "too few for a safetensors file"],
    [
      "an index that leads out of the folder",
      {
        "model.safetensors": undefined,
        "model.safetensors.index.json": '{"weight_map":{"a":"../../model.safetensors"}}',
      },
      "../../model.safetensors",
    ],
  ])("%s", async (_, files, message) => {
    const folder = await changed("arch/mistral", files);
    const error: unknown = await openCheckpoint(folder, silent).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(FormatError);
    expect((error as Error).message).toContain(message);
  });

  test("names of Object.prototype in a config are data", async () => {
    const folder = await changed("arch/mistral", { "config.json": '{"__proto__":{"quantization_config":{"bits":4}}}' });
    await using checkpoint = await openCheckpoint(folder, silent);
    expect(checkpoint.declared).toBeUndefined();
    expect("toString" in (checkpoint.config ?? {})).toBe(false);
  });
});

test("what was opened is closed, by close() and by an opening that fails", async () => {
  const opened = new Set<ByteSource>();
  const counting = (folder: Folder): Folder => ({
    label: folder.label,
    list: () => folder.list(),
    open: async (name) => {
      const source = await folder.open(name);
      opened.add(source);
      const close = source.close.bind(source);
      source.close = async () => {
        opened.delete(source);
        await close();
      };
      source[Symbol.asyncDispose] = () => source.close();
      return source;
    },
  });
  const checkpoint = await openCheckpoint(counting(await golden("arch/llama3")), silent);
  expect(opened.size).toBe(2);
  await checkpoint.close();
  expect(opened.size).toBe(0);

  const failures = [
    { "config.json": '{"quantization_config":{"quant_method":"exl3"}}' },
    { "model-00002-of-00002.safetensors": new Uint8Array(100) },
    { "model-00002-of-00002.safetensors": undefined },
  ];
  for (const files of failures) {
    await expect(openCheckpoint(counting(await changed("arch/llama3", files)), silent)).rejects.toThrow();
    expect(opened.size).toBe(0);
  }
});
