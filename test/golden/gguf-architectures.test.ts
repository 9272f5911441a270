import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createReferenceBackend } from "../../src/backends/reference/reference-backend.ts";
import { openSafetensors } from "../../src/containers/safetensors/read-safetensors.ts";
import type { Device } from "../../src/device/backend.ts";
import { openMemory } from "../../src/io/memory-source.ts";
import { openMemoryFolder } from "../../src/io/memory-folder.ts";
import { fixtures, sharedFixtures } from "../support/fixtures.ts";
import { ggufFile, type GgufTensor, type GgufValue } from "../support/gguf-file.ts";
import { largestError } from "./compare-logits.ts";
import { openSequence } from "./golden-model.ts";

/**
 * GGUF of architectures that the larger set has no such files of: golden models in safetensors, put into GGUF here as llama.cpp's converter
 * does it, must give the logits that they give as they are (arch-logits.test.ts holds those against transformers). What GGUF has no key for
 * is first set to what llama.cpp takes for it.
 */

type Json = Readonly<Record<string, unknown>>;

interface Tensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

interface Case {
  readonly label: string;
  /** Of arch/. */
  readonly source: string;
  readonly config?: Json;
  readonly architecture: string;
  readonly metadata: (config: Record<string, number>) => Readonly<Record<string, GgufValue>>;
  /** The tensors that one of the source becomes, by name; none: it is left out. */
  readonly tensors: (
    name: string,
    tensor: Tensor,
    source: ReadonlyMap<string, Tensor>,
  ) => Readonly<Record<string, Tensor>>;
}

const cases: readonly Case[] = [
  {
    label: "GPT-NeoX",
    source: "gpt-neox",
    architecture: "gptneox",
    metadata: (c) => ({
      ...usual("gptneox", c),
      "gptneox.attention.layer_norm_epsilon": c.layer_norm_eps,
      "gptneox.rope.freq_base": c.rotary_emb_base,
      "gptneox.rope.dimension_count": (c.rotary_pct * c.hidden_size) / c.num_attention_heads,
      "gptneox.use_parallel_residual": true,
    }),
    tensors(name, tensor) {
      if (/(attention\.(masked_)?bias|inv_freq)$/.test(name)) return {};
      const renamed = rename(name, {
        "gpt_neox.embed_in": "token_embd",
        "gpt_neox.final_layer_norm": "output_norm",
        embed_out: "output",
        "gpt_neox.layers": "blk",
        "attention.query_key_value": "attn_qkv",
        "attention.dense": "attn_output",
        input_layernorm: "attn_norm",
        post_attention_layernorm: "ffn_norm",
        "mlp.dense_h_to_4h": "ffn_up",
        "mlp.dense_4h_to_h": "ffn_down",
      });
      // [head][q, k, v][16] to [q, k, v][head][16].
      const inOrder = ([part, head, i]: readonly number[]): number => (head * 3 + part) * 16 + i;
      return { [renamed]: name.includes("query_key_value") ? moveRows(tensor, [3, 4, 16], inOrder) : tensor };
    },
  },
  ...[false, true].map((isFused): Case => ({
    label: isFused ? "Phi-2 with q, k and v in one tensor" : "Phi-2",
    source: "phi",
    architecture: "phi2",
    metadata: (c) => ({
      ...usual("phi2", c),
      "phi2.attention.layer_norm_epsilon": c.layer_norm_eps,
      "phi2.rope.dimension_count": (c.partial_rotary_factor * c.hidden_size) / c.num_attention_heads,
    }),
    tensors(name, tensor, source) {
      const [, part] = /self_attn\.([qkv])_proj/.exec(name) ?? [];
      const renamed = rename(name, {
        "model.final_layernorm": "output_norm",
        "self_attn.dense": "attn_output",
        "mlp.fc1": "ffn_up",
        "mlp.fc2": "ffn_down",
        ...llamaNames,
      });
      if (part === undefined || !isFused) return { [renamed]: tensor };
      if (part !== "q") return {};
      const parts = ["q", "k", "v"].map((other) => get(source, name.replace("q_proj", `${other}_proj`)));
      const [, ...others] = tensor.shape;
      const bytes = Buffer.concat(parts.map((each) => each.bytes));
      return { [renamed.replace("attn_q", "attn_qkv")]: { ...tensor, shape: [192, ...others], bytes } };
    },
  })),
  {
    label: "StarCoder2, whose window GGUF does not tell",
    source: "starcoder2",
    config: { sliding_window: null },
    architecture: "starcoder2",
    metadata: (c) => ({
      ...usual("starcoder2", c),
      "starcoder2.attention.layer_norm_epsilon": c.norm_epsilon,
      "starcoder2.rope.freq_base": c.rope_theta,
    }),
    tensors: (name, tensor) => ({
      [rename(name, { "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down", ...llamaNames })]: tensor,
    }),
  },
  {
    label: "SmolLM3, whose q and k have rotated pairs side by side",
    source: "qwen2-swa",
    config: { architectures: ["SmolLM3ForCausalLM"], model_type: "smollm3", use_sliding_window: false },
    architecture: "smollm3",
    metadata: (c) => ({
      ...usual("smollm3", c),
      "smollm3.attention.layer_norm_rms_epsilon": c.rms_norm_eps,
      "smollm3.rope.freq_base": c.rope_theta,
    }),
    tensors(name, tensor) {
      const renamed = rename(name, llamaNames);
      if (!/self_attn\.[qk]_proj/.test(name)) return { [renamed]: tensor };
      const inOrder = ([head, pair, half]: readonly number[]): number => head * 16 + half * 8 + pair;
      return { [renamed]: moveRows(tensor, [tensor.shape[0] / 16, 8, 2], inOrder) };
    },
  },
  {
    label: "gpt-oss in MXFP4, clamped at 7 and with whole YaRN borders",
    source: "gpt-oss-mxfp4",
    config: {
      swiglu_limit: 7,
      rope_scaling: {
        rope_type: "yarn",
        factor: 32,
        beta_fast: 32,
        beta_slow: 1,
        original_max_position_embeddings: 256,
      },
    },
    architecture: "gpt-oss",
    metadata: (c) => ({
      ...usual("gpt-oss", c),
      "gpt-oss.attention.layer_norm_rms_epsilon": c.rms_norm_eps,
      "gpt-oss.attention.key_length": c.head_dim,
      "gpt-oss.attention.value_length": c.head_dim,
      "gpt-oss.attention.sliding_window": c.sliding_window,
      "gpt-oss.expert_count": c.num_local_experts,
      "gpt-oss.expert_used_count": c.num_experts_per_tok,
      "gpt-oss.expert_feed_forward_length": c.intermediate_size,
      "gpt-oss.rope.freq_base": c.rope_theta,
      "gpt-oss.rope.scaling.type": "yarn",
      "gpt-oss.rope.scaling.factor": 32,
      "gpt-oss.rope.scaling.original_context_length": 256,
    }),
    tensors(name, tensor, source) {
      const renamed = rename(name, {
        ...llamaNames,
        post_attention_layernorm: "post_attention_norm",
        "self_attn.sinks": "attn_sinks.weight",
        "mlp.router": "ffn_gate_inp",
      });
      const [, prefix, list, part] = /^model\.layers\.(\d+)\.(mlp\.experts)\.(gate_up_proj|down_proj)/.exec(name) ?? [];
      if (list === undefined) return { [renamed]: tensor };
      if (name.endsWith("_scales")) return {};
      const stacks =
        part === "down_proj"
          ? { ffn_down_exps: tensor }
          : { ffn_gate_exps: everyOther(tensor, 0), ffn_up_exps: everyOther(tensor, 1) };
      if (name.endsWith("_bias"))
        return Object.fromEntries(
          Object.entries(stacks).map(([stack, biases]) => [`blk.${prefix}.${stack}.bias`, biases]),
        );
      const scales = get(source, name.replace("_blocks", "_scales"));
      const ofStacks = part === "down_proj" ? [scales] : [everyOther(scales, 0), everyOther(scales, 1)];
      return Object.fromEntries(
        Object.entries(stacks).map(([stack, codes], i) => [
          `blk.${prefix}.${stack}.weight`,
          ggmlMxfp4(codes, ofStacks[i]),
        ]),
      );
    },
  },
];

const llamaNames = {
  "model.embed_tokens": "token_embd",
  "model.norm": "output_norm",
  lm_head: "output",
  "model.layers": "blk",
  input_layernorm: "attn_norm",
  post_attention_layernorm: "ffn_norm",
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
};

function usual(name: string, c: Record<string, number>): Record<string, GgufValue> {
  return {
    "general.architecture": name,
    [`${name}.context_length`]: c.max_position_embeddings,
    [`${name}.embedding_length`]: c.hidden_size,
    [`${name}.block_count`]: c.num_hidden_layers,
    [`${name}.feed_forward_length`]: c.intermediate_size,
    [`${name}.attention.head_count`]: c.num_attention_heads,
    [`${name}.attention.head_count_kv`]: c.num_key_value_heads ?? c.num_attention_heads,
  };
}

function rename(name: string, names: Readonly<Record<string, string>>): string {
  return Object.entries(names).reduce((text, [from, to]) => text.replace(from, to), name);
}

function get(tensors: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new Error(`the source has no ${name}`);
  return tensor;
}

/** The rows of a tensor, counted through `shape`, each taken from where `from` says. */
function moveRows(tensor: Tensor, shape: readonly number[], from: (index: readonly number[]) => number): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  const rowBytes = tensor.bytes.length / count;
  const rows = Array.from({ length: count }, (_, row) => {
    const [, second, third] = shape;
    const at = from([Math.floor(row / (second * third)), Math.floor(row / third) % second, row % third]);
    return tensor.bytes.subarray(at * rowBytes, (at + 1) * rowBytes);
  });
  return { ...tensor, bytes: Buffer.concat(rows) };
}

/** [experts][rows / 2]…: the rows of one parity. */
function everyOther({ dtype, shape, bytes }: Tensor, parity: number): Tensor {
  const [experts, rows, ...others] = shape;
  const rowBytes = bytes.length / (experts * rows);
  const kept = Array.from({ length: (experts * rows) / 2 }, (_, i) => {
    const at = (2 * i + parity) * rowBytes;
    return bytes.subarray(at, at + rowBytes);
  });
  return { dtype, shape: [experts, rows / 2, ...others], bytes: Buffer.concat(kept) };
}

/** Blocks of a scale and 16 bytes: byte i has element i low and element i + 16 high, where the source has neighbours. */
function ggmlMxfp4(codes: Tensor, scales: Tensor): Tensor {
  const count = codes.bytes.length / 16;
  const bytes = new Uint8Array(17 * count);
  const nibble = (i: number): number => (codes.bytes[i >> 1] >> (4 * (i & 1))) & 15;
  for (let block = 0; block < count; block++) {
    bytes[17 * block] = scales.bytes[block];
    for (let i = 0; i < 16; i++)
      bytes[17 * block + 1 + i] = nibble(32 * block + i) | (nibble(32 * block + 16 + i) << 4);
  }
  const [experts, rows, groups] = codes.shape;
  return { dtype: "MXFP4", shape: [experts, rows, 32 * groups], bytes };
}

const types: Readonly<Record<string, number>> = { F32: 0, F16: 1, BF16: 30, MXFP4: 39 };

/** Vectors, and whatever else is one a row, are f32 in GGUF. */
function ggufTensor(name: string, { dtype, shape, bytes }: Tensor): GgufTensor {
  const isVector = shape.length === 1 || name.endsWith(".bias");
  if (!isVector || dtype === "F32") return { name, type: types[dtype], shape, bytes };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const widen = dtype === "BF16" ? bfloat16 : half;
  const values = Float32Array.from({ length: bytes.length / 2 }, (_, i) => widen(view.getUint16(2 * i, true)));
  return { name, type: types.F32, shape, bytes: new Uint8Array(values.buffer) };
}

function bfloat16(bits: number): number {
  return new Float32Array(Uint32Array.of(bits << 16).buffer)[0];
}

function half(bits: number): number {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  return (bits >> 15 ? -1 : 1) * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

describe.each(cases)("$label", ({ source, config: changes, metadata, tensors }) => {
  const folder = [fixtures, sharedFixtures ?? fixtures].map((root) => join(root, "arch", source)).find(existsSync);
  if (folder === undefined) {
    test.skip("the larger set of fixtures is not beside the checkout");
    return;
  }
  let device: Device;
  beforeAll(async () => {
    device = await createReferenceBackend().open();
  });
  afterAll(() => device[Symbol.asyncDispose]());

  test("as GGUF it gives the same logits", async () => {
    const read = (name: string): Json => JSON.parse(readFileSync(join(folder, name), "utf8")) as Json;
    const config = { ...read("config.json"), ...changes };
    const weights = readFileSync(join(folder, "model.safetensors"));
    const found = new Map<string, Tensor>();
    await using file = await openSafetensors(openMemory(weights, source));
    for (const [name, tensor] of file.tensors)
      found.set(name, { dtype: tensor.dtype, shape: tensor.shape, bytes: await tensor.read() });
    const renamed = [...found].flatMap(([name, tensor]) => Object.entries(tensors(name, tensor, found)));
    const gguf = ggufFile(
      metadata(config as unknown as Record<string, number>),
      renamed.map(([name, tensor]) => ggufTensor(name, tensor)),
    );
    const prompt = (read("expected.json") as { readonly prompt_ids: readonly number[] }).prompt_ids;
    const logitsOf = async (files: Readonly<Record<string, Uint8Array>>): Promise<Float32Array> => {
      const model = { folder: openMemoryFolder(new Map(Object.entries(files)), source) };
      await using sequence = await openSequence(device, model, { length: prompt.length });
      return sequence.push(prompt);
    };
    const expected = await logitsOf({
      "config.json": Buffer.from(JSON.stringify(config)),
      "model.safetensors": weights,
    });
    expect(largestError(await logitsOf({ "model.gguf": gguf }), expected)).toBeLessThan(1e-5); // gate and up are rounded before they meet, or not
  });
});
