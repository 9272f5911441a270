import type { Architecture } from "./architecture.ts";
import { blocks, decoderBlock, decoderModel, embedding, finalNorm, head } from "./decoder-block.ts";
import { readDecoderConfig } from "./decoder-config.ts";
import { readRope } from "./rope.ts";

/** Llama 1, 2, 3 and the many models with their shape (Yi, SmolLM2, TinyLlama, …). */
export const llama: Architecture = {
  names: ["LlamaForCausalLM", "LLaMAForCausalLM"], // the second in conversions from before the class was merged
  modelType: "llama",
  createModel(config) {
    const c = readDecoderConfig(config);
    const rope = readRope(config, c.headDim, c.contextLength);
    return decoderModel("LlamaForCausalLM", c, rope, [
      embedding("model.embed_tokens"),
      ...blocks(c, (prefix) => decoderBlock(prefix, c)),
      finalNorm("model.norm", c),
      head("lm_head", c, "model.embed_tokens"),
    ]);
  },
};
