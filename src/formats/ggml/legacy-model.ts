import type { GgmlHeader } from "../../containers/ggml/open-ggml.ts";
import { FormatError } from "../../util/errors.ts";
import type { JsonObject } from "../../util/json.ts";
import type { TensorHead } from "../weight-format.ts";
import { headsOf, type GgmlModel } from "./ggml-model.ts";

const modelTensors: Readonly<Record<string, string>> = {
  "model.embed_tokens": "tok_embeddings",
  "model.norm": "norm",
  lm_head: "output",
};

const blockTensors: Readonly<Record<string, string>> = {
  input_layernorm: "attention_norm",
  "self_attn.q_proj": "attention.wq",
  "self_attn.k_proj": "attention.wk",
  "self_attn.v_proj": "attention.wv",
  "self_attn.o_proj": "attention.wo",
  post_attention_layernorm: "ffn_norm",
  "mlp.gate_proj": "feed_forward.w1",
  "mlp.up_proj": "feed_forward.w3",
  "mlp.down_proj": "feed_forward.w2",
};

/**
 * A LLaMA from before GGUF, with Meta's names for its tensors and rows in the order of rotated pairs. The header lacks what was the same in
 * all of them then: 2,048 positions, a rope of base 10,000, and norms that llama.cpp computed with 5e-6. The number of key heads is told by
 * the shape of their projection. Throws FormatError where a tensor that tells a dimension is missing.
 */
export function legacyModel(header: GgmlHeader, tensors: ReadonlyMap<string, TensorHead>): GgmlModel {
  const { vocabSize, embeddingLength, heads, layers } = header;
  const rowsOf = (name: string): number => {
    const rows = tensors.get(name)?.shape[0];
    if (rows === undefined) throw new FormatError(`has no tensor "${name}", which tells the shape of the model`);
    return rows;
  };
  const config: JsonObject = Object.assign(Object.create(null) as JsonObject, {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    vocab_size: vocabSize,
    hidden_size: embeddingLength,
    intermediate_size: rowsOf("layers.0.feed_forward.w1.weight"),
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: (rowsOf("layers.0.attention.wk.weight") * heads) / embeddingLength,
    rms_norm_eps: 5e-6,
    max_position_embeddings: 2048,
    rope_theta: 10_000,
    tie_word_embeddings: false,
    bos_token_id: 1,
    eos_token_id: 2,
  });
  return {
    config,
    nameOf(module) {
      if (Object.hasOwn(modelTensors, module)) return modelTensors[module];
      const [, index, rest] = /^model\.layers\.(\d+)\.(.+)$/.exec(module) ?? [];
      if (index === undefined || rest === undefined || !Object.hasOwn(blockTensors, rest)) return undefined;
      return `layers.${index}.${blockTensors[rest]}`;
    },
    pairedHeads: (module) => headsOf(module, config),
  };
}
