import type { Architecture } from "./architecture.ts";
import { blocks, decoderBlock, decoderModel, embedding, finalNorm, head } from "./decoder-block.ts";
import { readDecoderConfig } from "./decoder-config.ts";
import { readRope } from "./rope.ts";

/** StableLM 2 and its relatives: Llama with layer norms, and a quarter of each head rotated. */
export const stablelm: Architecture = {
  names: ["StableLmForCausalLM", "StableLMEpochForCausalLM"],
  modelType: "stablelm",
  createModel(config) {
    const c = readDecoderConfig(config, {
      norm: "layer",
      keys: { normEps: "layer_norm_eps" },
      defaults: { normEps: 1e-5 },
    });
    if (config.boolean("qk_layernorm", false)) config.refuse("qk_layernorm", "false");
    const rope = readRope(config, c.headDim, c.contextLength, { partial: 0.25 });
    // In parallel, the MLP reads what attention reads: there is no second norm then.
    const parallel = config.boolean("use_parallel_residual", false);
    const options = parallel ? { parallel, names: { mlpNorm: "input_layernorm" } } : {};
    return decoderModel("StableLmForCausalLM", c, rope, [
      embedding("model.embed_tokens"),
      ...blocks(c, (prefix) => decoderBlock(prefix, c, options)),
      finalNorm("model.norm", c),
      head("lm_head", c, "model.embed_tokens"),
    ]);
  },
};
