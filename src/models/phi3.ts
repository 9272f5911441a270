import type { Architecture } from "./architecture.ts";
import { blocks, decoderBlock, decoderModel, embedding, finalNorm, head } from "./decoder-block.ts";
import { readDecoderConfig } from "./decoder-config.ts";
import { readRope } from "./rope.ts";
import { readWindow } from "./windows.ts";

/** Phi 3, 3.5 and 4, mini to medium: Llama with q, k, v in one linear, gate and up in another, and often LongRoPE. */
export const phi3: Architecture = {
  names: ["Phi3ForCausalLM"],
  modelType: "phi3",
  createModel(config) {
    const c = readDecoderConfig(config);
    const rope = readRope(config, c.headDim, c.contextLength);
    const window = readWindow(config);
    return decoderModel("Phi3ForCausalLM", c, rope, [
      embedding("model.embed_tokens"),
      ...blocks(c, (prefix) => decoderBlock(prefix, c, { window, fusedQkv: true, fusedGateUp: true })),
      finalNorm("model.norm", c),
      head("lm_head", c, "model.embed_tokens"),
    ]);
  },
};
