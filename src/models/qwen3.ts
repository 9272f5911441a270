import type { Architecture } from "./architecture.ts";
import { blocks, decoderBlock, decoderModel, embedding, finalNorm, head } from "./decoder-block.ts";
import { readDecoderConfig } from "./decoder-config.ts";
import { readRope } from "./rope.ts";
import { readLayerWindows } from "./windows.ts";

/** Qwen 3, dense: Qwen 2 with norms on queries and keys, and a head dimension of its own. */
export const qwen3: Architecture = {
  names: ["Qwen3ForCausalLM"],
  modelType: "qwen3",
  createModel(config) {
    // Alone among these families, its class has a head dimension of 128 whatever the hidden size.
    const c = readDecoderConfig(config, { defaults: { headDim: 128 } });
    const rope = readRope(config, c.headDim, c.contextLength);
    const windows = readLayerWindows(config, c.layerCount);
    return decoderModel("Qwen3ForCausalLM", c, rope, [
      embedding("model.embed_tokens"),
      ...blocks(c, (prefix, i) => decoderBlock(prefix, c, { window: windows[i], queryKeyNorms: "head" })),
      finalNorm("model.norm", c),
      head("lm_head", c, "model.embed_tokens"),
    ]);
  },
};
