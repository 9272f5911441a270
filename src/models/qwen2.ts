import type { Architecture } from "./architecture.ts";
import { blocks, decoderBlock, decoderModel, embedding, finalNorm, head } from "./decoder-block.ts";
import { readDecoderConfig } from "./decoder-config.ts";
import { readRope } from "./rope.ts";
import { readLayerWindows } from "./windows.ts";

/** Qwen 1.5, 2, 2.5: Llama with biases on q, k and v (which the file tells) and windows on the upper layers of some. */
export const qwen2: Architecture = {
  names: ["Qwen2ForCausalLM"],
  modelType: "qwen2",
  createModel(config) {
    const c = readDecoderConfig(config);
    const rope = readRope(config, c.headDim, c.contextLength);
    const windows = readLayerWindows(config, c.layerCount);
    return decoderModel("Qwen2ForCausalLM", c, rope, [
      embedding("model.embed_tokens"),
      ...blocks(c, (prefix, i) => decoderBlock(prefix, c, { window: windows[i] })),
      finalNorm("model.norm", c),
      head("lm_head", c, "model.embed_tokens"),
    ]);
  },
};
