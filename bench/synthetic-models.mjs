// Models of random weights at the shapes of a 0.5B one, for timing: what they say means nothing. Every file is written piece by piece.
import { Buffer } from "node:buffer";
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

const shape = {
  hidden: 1024,
  inner: 4864,
  heads: 16,
  kvHeads: 2,
  headDim: 64,
  vocab: 32768,
  context: 4096,
  theta: 1e6,
};

/** [name in safetensors, name in GGUF, inputs, outputs] of the linears of a layer. */
const linears = [
  ["self_attn.q_proj", "attn_q", 1024, 1024],
  ["self_attn.k_proj", "attn_k", 1024, 128],
  ["self_attn.v_proj", "attn_v", 1024, 128],
  ["self_attn.o_proj", "attn_output", 1024, 1024],
  ["mlp.gate_proj", "ffn_gate", 1024, 4864],
  ["mlp.up_proj", "ffn_up", 1024, 4864],
  ["mlp.down_proj", "ffn_down", 4864, 1024],
];

export const weightCount = (layers) => layers * linears.reduce((sum, [, , k, n]) => sum + k * n, 0);

/** Id, values and bytes of a block, and where its f16 factors are; or how its scales are made. */
export const ggufTypes = {
  F16: [1, 1, 2, "float"],
  BF16: [30, 1, 2, "bfloat"],
  Q8_0: [8, 32, 34, [0]],
  Q6_K: [14, 256, 210, [208]],
  Q5_K: [13, 256, 176, [0, 2]],
  Q5_1: [7, 32, 24, [0, 2]],
  Q5_0: [6, 32, 22, [0]],
  Q4_K: [12, 256, 144, [0, 2]],
  Q4_1: [3, 32, 20, [0, 2]],
  Q4_0: [2, 32, 18, [0]],
  IQ4_NL: [20, 32, 18, [0]],
  IQ4_XS: [23, 256, 136, [0]],
  MXFP4: [39, 32, 17, "exponent"],
  NVFP4: [40, 64, 36, "e4m3"],
  Q3_K: [11, 256, 110, [108]],
  IQ3_S: [21, 256, 110, [0]],
  IQ3_XXS: [18, 256, 98, [0]],
  Q2_K: [10, 256, 84, [80, 82]],
  IQ2_S: [22, 256, 82, [0]],
  IQ2_XS: [17, 256, 74, [0]],
  IQ2_XXS: [16, 256, 66, [0]],
  Q2_0: [42, 64, 18, [0]],
  TQ2_0: [35, 256, 66, [64]],
  TQ1_0: [34, 256, 54, [52]],
  IQ1_M: [29, 256, 56, "spread"],
  IQ1_S: [19, 256, 50, [0]],
  Q1_0: [41, 128, 18, [0]],
};

const integers = (ArrayType, length, at) => Buffer.from(ArrayType.from({ length }, (_, i) => at(i)).buffer);

const marlin24 = (bits) => ({
  config: { quant_method: "gptq", bits, group_size: 128, checkpoint_format: "marlin_24" },
  tensors: (k, n) => [
    ["B_24", "I32", [k / 32, (n * bits) / 2], "random"],
    ["B_meta", "I16", [k / 32, 2 * n], "positions"],
    ["s", "F16", [k / 128, n], "scale"],
  ],
});

/** Widths of groups of 128 inputs and rows in the order of an act-order, as checkpoints of 4.25 bits have them: a quarter at 5, the others at 4. */
const exl2 = {
  config: { quant_method: "exl2", bits: 4.25 },
  tensors(k, n) {
    const groups = k / 128;
    const bits = Array.from({ length: groups }, (_, g) => (g < groups / 4 ? 5 : 4));
    const ends = bits.map((_, g) => bits.slice(0, g + 1).reduce((sum, width) => sum + 4 * width, 0));
    return [
      ["q_weight", "I32", [ends.at(-1), n], "random"],
      ["q_groups", "I16", [2 * groups], integers(Int16Array, 2 * groups, (i) => (i % 2 ? (ends[(i - 3) / 2] ?? 0) : bits[i / 2]))],
      ["q_scale", "I32", [groups, n / 8], "random"],
      ["q_scale_max", "F16", [groups], "scale"],
      ["q_invperm", "I32", [k], integers(Int32Array, k, (i) => (5 * i + 3) % k)],
    ]; // prettier-ignore
  },
};

/** Quantiles of a normal distribution, as bitsandbytes has them. */
const normalFloats = [
  ...[-1, -0.6961928, -0.52507305, -0.39491749, -0.28444138, -0.18477343, -0.09105004, 0],
  ...[0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1],
];

const nf4 = {
  config: { quant_method: "bitsandbytes", load_in_4bit: true, bnb_4bit_quant_type: "nf4" },
  tensors(k, n) {
    const state = Buffer.from(JSON.stringify({ quant_type: "nf4", blocksize: 64, dtype: "float16", shape: [n, k] }));
    return [
      ["weight", "U8", [(k * n) / 2, 1], "random"],
      ["weight.absmax", "F32", [(k * n) / 64], "small"],
      ["weight.quant_map", "F32", [16], Buffer.from(Float32Array.from(normalFloats).buffer)],
      ["weight.quant_state.bitsandbytes__nf4", "U8", [state.length], state],
    ];
  },
};

/** One group of compressed-tensors in which every linear but the head is. */
const compressed = (format, weights) => ({
  ...{ quant_method: "compressed-tensors", format, quantization_status: "compressed" },
  config_groups: { group_0: { targets: ["Linear"], format, weights } },
  ignore: ["lm_head"],
});

const gptq = (bits, format = "gptq") => ({
  config: { quant_method: "gptq", bits, group_size: 128, sym: false, desc_act: false, checkpoint_format: format },
  tensors: (k, n) => [
    ["qweight", "I32", [(k * bits) / 32, n], "random"],
    ["qzeros", "I32", [k / 128, (n * bits) / 32], "random"],
    ["scales", "F16", [k / 128, n], "scale"],
    ["g_idx", "I32", [k], integers(Int32Array, k, (i) => i >> 7)],
  ],
});

/** Config and tensors of a linear, with their types, shapes, and bytes or a kind of them: for formats whose schemes GGUF does not have. */
export const safetensorsKinds = {
  "gptq-2": gptq(2),
  "gptq-3": gptq(3),
  "gptq-4": gptq(4),
  "gptq-5": gptq(5, "gptq_p"),
  "gptq-6": gptq(6, "gptq_p"),
  "gptq-7": gptq(7, "gptq_p"),
  "gptq-8": gptq(8),
  "awq-4": {
    config: { quant_method: "awq", bits: 4, group_size: 128, zero_point: true, version: "gemm" },
    tensors: (k, n) => [
      ["qweight", "I32", [k, n / 8], "random"],
      ["qzeros", "I32", [k / 128, n / 8], "random"],
      ["scales", "F16", [k / 128, n], "scale"],
    ],
  },
  "marlin-4": {
    config: { quant_method: "gptq", bits: 4, group_size: 128, is_marlin_format: true },
    tensors: (k, n) => [
      ["B", "I32", [k / 16, 2 * n], "random"],
      ["s", "F16", [k / 128, n], "scale"],
    ],
  },
  "compressed-tensors-4": {
    config: compressed("pack-quantized", {
      ...{ num_bits: 4, type: "int", symmetric: true, strategy: "group", group_size: 128 },
    }),
    tensors: (k, n) => [
      ["weight_packed", "I32", [n, k / 8], "random"],
      ["weight_scale", "F16", [n, k / 128], "scale"],
      ["weight_shape", "I64", [2], Buffer.from(BigInt64Array.of(BigInt(n), BigInt(k)).buffer)],
    ],
  },
  "marlin24-4": marlin24(4),
  "marlin24-8": marlin24(8),
  exl2,
  nf4,
  "mxfp4-packed": {
    config: compressed("mxfp4-pack-quantized", { num_bits: 4 }),
    tensors: (k, n) => [
      ["weight_packed", "U8", [n, k / 2], "random"],
      ["weight_scale", "U8", [n, k / 32], "exponents"],
    ],
  },
  "nvfp4-packed": {
    config: compressed("nvfp4-pack-quantized", { num_bits: 4 }),
    tensors: (k, n) => [
      ["weight_packed", "U8", [n, k / 2], "random"],
      ["weight_scale", "F8_E4M3", [n, k / 16], "e4m3"],
      ["weight_global_scale", "F32", [1], Buffer.from(Float32Array.of(1024).buffer)],
    ],
  },
  "bnb-8": {
    config: { quant_method: "bitsandbytes", load_in_8bit: true },
    tensors: (k, n) => [
      ["weight", "I8", [n, k], "random"],
      ["SCB", "F32", [n], "small"],
    ],
  },
  "fp8-block": {
    config: { quant_method: "fp8", fmt: "e4m3", weight_block_size: [128, 128] },
    tensors: (k, n) => [
      ["weight", "F8_E4M3", [n, k], "e4m3"],
      ["weight_scale_inv", "F32", [n / 128, k / 128], "small"],
    ],
  },
  "fp8-channel": {
    config: compressed("float-quantized", { num_bits: 8, type: "float", symmetric: true, strategy: "channel" }),
    tensors: (k, n) => [
      ["weight", "F8_E4M3", [n, k], "e4m3"],
      ["weight_scale", "F16", [n, 1], "scale"],
    ],
  },
  bf16: { tensors: (k, n) => [["weight", "BF16", [n, k], "bfloat"]] },
};

const chunkBytes = 4 * 2 ** 20;
const factor = 0x1400; // 2^-10 as f16

function randomBytes(length) {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = 0x9e3779b9;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return Buffer.from(words.buffer, 0, length);
}

/** Nibbles of two of four positions in order. */
const pairs = [4, 8, 9, 12, 13, 14];

/** Random bytes of a kind of content, whole blocks of them: numbers are small, and every one is finite. */
function chunkOf(kind, blockBytes = 16) {
  const bytes = randomBytes(Math.floor(chunkBytes / blockBytes) * blockBytes);
  if (kind === "one") new Float32Array(bytes.buffer, 0, bytes.length / 4).fill(1);
  if (kind === "small") new Float32Array(bytes.buffer, 0, bytes.length / 4).fill(2 ** -10);
  if (kind === "exponents") bytes.fill(117);
  if (kind === "positions")
    for (let i = 0; i < bytes.length; i++) bytes[i] = pairs[bytes[i] % 6] | (pairs[(bytes[i] >> 4) % 6] << 4);
  if (kind === "scale") new Uint16Array(bytes.buffer, 0, bytes.length / 2).fill(factor);
  if (kind === "half-one") new Uint16Array(bytes.buffer, 0, bytes.length / 2).fill(0x3c00);
  if (kind === "float") for (let i = 1; i < bytes.length; i += 2) bytes[i] = (bytes[i] & 0x83) | 0x20;
  if (kind === "bfloat") for (let i = 1; i < bytes.length; i += 2) bytes[i] = (bytes[i] & 0x80) | 0x3c;
  if (kind === "e4m3" && blockBytes === 16) for (let i = 0; i < bytes.length; i++) bytes[i] &= 0xbf;
  for (let at = 0; at + blockBytes <= bytes.length && blockBytes !== 16; at += blockBytes) {
    if (Array.isArray(kind)) for (const offset of kind) bytes.writeUInt16LE(factor, at + offset);
    if (kind === "exponent") bytes[at] = 120;
    if (kind === "e4m3") for (let s = 0; s < 4; s++) bytes[at + s] = 0x08 + (bytes[at + s] & 7);
    if (kind === "spread")
      for (let i = 0; i < 4; i++)
        bytes[at + 49 + 2 * i] = (bytes[at + 49 + 2 * i] & 15) | (((factor >> (4 * i)) & 15) << 4);
  }
  return bytes;
}

function fill(file, chunk, total) {
  for (let left = total; left > 0; left -= chunk.length)
    writeSync(file, left < chunk.length ? chunk.subarray(0, left) : chunk);
}

/** Writes a model whose linears are of a type of GGUF; gives the bytes of its linears. */
export function makeGguf(path, type, layers) {
  const [, values, blockBytes] = ggufTypes[type];
  const u32 = (x) => Buffer.from(Uint32Array.of(x).buffer);
  const u64 = (x) => Buffer.from(BigUint64Array.of(BigInt(x)).buffer);
  const text = (x) => Buffer.concat([u64(Buffer.byteLength(x)), Buffer.from(x)]);
  const string = (key, x) => Buffer.concat([text(key), u32(8), text(x)]);
  const number = (key, x) => Buffer.concat([text(key), u32(4), u32(x)]);
  const float = (key, x) => Buffer.concat([text(key), u32(6), Buffer.from(Float32Array.of(x).buffer)]);
  const list = (key, kind, items) => Buffer.concat([text(key), u32(9), u32(kind), u64(items.length), ...items]);
  const tokens = Array.from({ length: shape.vocab }, (_, i) => text(i < 256 ? byteToken(i) : `t${i}`));
  const metadata = [
    string("general.architecture", "llama"),
    number("llama.context_length", shape.context),
    number("llama.embedding_length", shape.hidden),
    number("llama.block_count", layers),
    number("llama.feed_forward_length", shape.inner),
    number("llama.attention.head_count", shape.heads),
    number("llama.attention.head_count_kv", shape.kvHeads),
    number("llama.rope.dimension_count", shape.headDim),
    float("llama.rope.freq_base", shape.theta),
    float("llama.attention.layer_norm_rms_epsilon", 1e-6),
    string("tokenizer.ggml.model", "gpt2"),
    string("tokenizer.ggml.pre", "gpt-2"),
    list("tokenizer.ggml.tokens", 8, tokens),
    list("tokenizer.ggml.merges", 8, [text("t300 t301")]),
    number("tokenizer.ggml.bos_token_id", shape.vocab - 2),
    number("tokenizer.ggml.eos_token_id", shape.vocab - 1),
  ];
  const block = (name) => Array.from({ length: layers }, (_, i) => `blk.${i}.${name}.weight`);
  const tensors = [
    ["token_embd.weight", [shape.hidden, shape.vocab], "F16"],
    ["output_norm.weight", [shape.hidden], "F32"],
    ...["attn_norm", "ffn_norm"].flatMap((name) => block(name).map((tensor) => [tensor, [shape.hidden], "F32"])),
    ...linears.flatMap(([, name, k, n]) => block(name).map((tensor) => [tensor, [k, n], type])),
  ];
  const sizeOf = ([, dimensions, kind]) => {
    const count = dimensions.reduce((a, b) => a * b, 1);
    return kind === "F32" ? 4 * count : kind === type ? (count / values) * blockBytes : 2 * count;
  };
  const padding = (size) => (32 - (size % 32)) % 32;
  let offset = 0;
  const infos = tensors.map((tensor) => {
    const [name, dimensions, kind] = tensor;
    const id = kind === "F32" ? 0 : ggufTypes[kind][0];
    const info = Buffer.concat([text(name), u32(dimensions.length), ...dimensions.map(u64), u32(id), u64(offset)]);
    offset += sizeOf(tensor) + padding(sizeOf(tensor));
    return info;
  });
  const head = [Buffer.from("GGUF"), u32(3), u64(tensors.length), u64(metadata.length), ...metadata, ...infos];
  const header = Buffer.concat(head);
  const file = openSync(path, "w");
  writeSync(file, header);
  writeSync(file, Buffer.alloc(padding(header.length)));
  const chunks = {
    F32: chunkOf("one"),
    F16: chunkOf("float"),
    [type]: chunkOf(ggufTypes[type][3], blockBytes === 2 ? 16 : blockBytes),
  };
  let byteLength = 0;
  for (const tensor of tensors) {
    fill(file, chunks[tensor[2]], sizeOf(tensor));
    writeSync(file, Buffer.alloc(padding(sizeOf(tensor))));
    if (tensor[0].startsWith("blk.") && tensor[1].length === 2) byteLength += sizeOf(tensor);
  }
  closeSync(file);
  return byteLength;
}

/** Writes a folder with config.json and model.safetensors; gives the bytes of its linears. */
export function makeSafetensors(folder, name, layers) {
  const { config, tensors: tensorsOf } = safetensorsKinds[name];
  const widths = { I64: 8, I32: 4, F32: 4, I16: 2, F16: 2, BF16: 2, F8_E4M3: 1, I8: 1, U8: 1 };
  const tensors = [
    ["model.embed_tokens.weight", "F16", [shape.vocab, shape.hidden], "float"],
    ["model.norm.weight", "F16", [shape.hidden], "half-one"],
  ];
  const linearTensors = [];
  for (let i = 0; i < layers; i++) {
    for (const norm of ["input_layernorm", "post_attention_layernorm"])
      tensors.push([`model.layers.${i}.${norm}.weight`, "F16", [shape.hidden], "half-one"]);
    for (const [module, , k, n] of linears)
      for (const [part, ...rest] of tensorsOf(k, n))
        linearTensors.push([`model.layers.${i}.${module}.${part}`, ...rest]);
  }
  const header = {};
  let offset = 0;
  let byteLength = 0;
  const all = [...linearTensors, ...tensors].sort((a, b) => widths[b[1]] - widths[a[1]]);
  for (const tensor of all) {
    const [tensorName, dtype, dimensions] = tensor;
    const size = dimensions.reduce((a, b) => a * b, widths[dtype]);
    header[tensorName] = { dtype, shape: dimensions, data_offsets: [offset, (offset += size)] };
    if (linearTensors.includes(tensor)) byteLength += size;
  }
  let json = JSON.stringify(header);
  json += " ".repeat((8 - (Buffer.byteLength(json) % 8)) % 8);
  mkdirSync(folder);
  const file = openSync(join(folder, "model.safetensors"), "w");
  writeSync(file, Buffer.from(BigUint64Array.of(BigInt(json.length)).buffer));
  writeSync(file, json);
  const chunks = {};
  for (const [tensorName, , , content] of all) {
    const [start, end] = header[tensorName].data_offsets;
    if (Buffer.isBuffer(content)) writeSync(file, content);
    else fill(file, (chunks[content] ??= chunkOf(content)), end - start);
  }
  closeSync(file);
  const { hidden, inner, heads, kvHeads, headDim, vocab, context, theta } = shape;
  const model = {
    ...{ architectures: ["LlamaForCausalLM"], model_type: "llama", hidden_size: hidden, intermediate_size: inner },
    ...{ num_hidden_layers: layers, num_attention_heads: heads, num_key_value_heads: kvHeads, head_dim: headDim },
    ...{ vocab_size: vocab, max_position_embeddings: context, rope_theta: theta, rms_norm_eps: 1e-6 },
    ...{ tie_word_embeddings: true, hidden_act: "silu", torch_dtype: "float16" },
    ...(config && { quantization_config: config }),
  };
  writeFileSync(join(folder, "config.json"), JSON.stringify(model));
  return byteLength;
}

/** GPT-2's printable character for a byte. */
function byteToken(byte) {
  const isPrintable = (b) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  if (isPrintable(byte)) return String.fromCodePoint(byte);
  let place = 256;
  for (let b = 0; b < byte; b++) if (!isPrintable(b)) place++;
  return String.fromCodePoint(place);
}
