import type { Architecture } from "./architecture.ts";
import { blocks, decoderBlock, decoderModel, embedding, finalNorm, head } from "./decoder-block.ts";
import { caps, readDecoderConfig } from "./decoder-config.ts";
import { readRope } from "./rope.ts";

/** Granite 3 and 4 dense: Llama with multipliers on embeddings, scores, residuals and logits. */
export const granite: Architecture = {
  names: ["GraniteForCausalLM"],
  modelType: "granite",
  createModel(config) {
    const c = readDecoderConfig(config, { defaults: { normEps: 1e-6 } });
    const rope = readRope(config, c.headDim, c.contextLength);
    const multiplier = (key: string): number => config.number(key, caps.multiplier, 1);
    const options = {
      scale: multiplier("attention_multiplier"),
      residualScale: multiplier("residual_multiplier"),
    };
    return decoderModel("GraniteForCausalLM", c, rope, [
      embedding("model.embed_tokens", multiplier("embedding_multiplier")),
      ...blocks(c, (prefix) => decoderBlock(prefix, c, options)),
      finalNorm("model.norm", c),
      head("lm_head", c, "model.embed_tokens", { scale: 1 / multiplier("logits_scaling") }),
    ]);
  },
};
