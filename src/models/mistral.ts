import type { Architecture } from "./architecture.ts";
import { blocks, decoderBlock, decoderModel, embedding, finalNorm, head } from "./decoder-block.ts";
import { readDecoderConfig } from "./decoder-config.ts";
import { readRope } from "./rope.ts";
import { readWindow } from "./windows.ts";

/** Mistral 7B, Nemo, Small: Llama with one window for all layers, or none. */
export const mistral: Architecture = {
  names: ["MistralForCausalLM"],
  modelType: "mistral",
  createModel(config) {
    const c = readDecoderConfig(config);
    const rope = readRope(config, c.headDim, c.contextLength);
    // Here a missing key means the window of Mistral 7B 0.1, and only null means none.
    const window = readWindow(config, 4096);
    return decoderModel("MistralForCausalLM", c, rope, [
      embedding("model.embed_tokens"),
      ...blocks(c, (prefix) => decoderBlock(prefix, c, { window })),
      finalNorm("model.norm", c),
      head("lm_head", c, "model.embed_tokens"),
    ]);
  },
};
