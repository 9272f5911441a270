import type { Architecture } from "./architecture.ts";
import { blocks, decoderBlock, decoderModel, embedding, finalNorm, head } from "./decoder-block.ts";
import { readDecoderConfig } from "./decoder-config.ts";
import { readRope } from "./rope.ts";

/** OLMo 2: Llama with norms after each sublayer instead of before, and norms over all queries and all keys. */
export const olmo2: Architecture = {
  names: ["Olmo2ForCausalLM"],
  modelType: "olmo2",
  createModel(config) {
    const c = readDecoderConfig(config, { defaults: { normEps: 1e-5 } });
    const rope = readRope(config, c.headDim, c.contextLength);
    return decoderModel("Olmo2ForCausalLM", c, rope, [
      embedding("model.embed_tokens"),
      ...blocks(c, (prefix) => decoderBlock(prefix, c, { norms: "after", queryKeyNorms: "projection" })),
      finalNorm("model.norm", c),
      head("lm_head", c, "model.embed_tokens"),
    ]);
  },
};
