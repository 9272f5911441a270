import type { Architecture } from "./architecture.ts";
import { blocks, decoderBlock, decoderModel, embedding, finalNorm, head } from "./decoder-block.ts";
import { readDecoderConfig } from "./decoder-config.ts";
import { readRope } from "./rope.ts";

/** GPT-NeoX and Pythia: q, k and v in one linear that has them head by head, attention and MLP in parallel, a quarter of a head rotated. */
export const gptNeox: Architecture = {
  names: ["GPTNeoXForCausalLM"],
  modelType: "gpt_neox",
  createModel(config) {
    const c = readDecoderConfig(config, {
      norm: "layer",
      keys: { normEps: "layer_norm_eps" },
      defaults: { normEps: 1e-5, activation: "gelu" },
    });
    if (c.kvHeads !== c.heads) config.refuse("num_key_value_heads", `as many as heads, ${c.heads}`);
    const rope = readRope(config, c.headDim, c.contextLength, {
      baseKey: "rotary_emb_base",
      partialKey: "rotary_pct",
      partial: 0.25,
    });
    const options = {
      parallel: config.boolean("use_parallel_residual", true),
      fusedQkv: true,
      interleavedQkv: true,
      withoutGate: true,
      names: {
        qkv: "attention.query_key_value",
        output: "attention.dense",
        up: "mlp.dense_h_to_4h",
        down: "mlp.dense_4h_to_h",
      },
    };
    return decoderModel("GPTNeoXForCausalLM", c, rope, [
      embedding("gpt_neox.embed_in"),
      ...blocks(c, (prefix) => decoderBlock(prefix, c, options), "gpt_neox.layers"),
      finalNorm("gpt_neox.final_layer_norm", c),
      head("embed_out", c, "gpt_neox.embed_in"),
    ]);
  },
};
