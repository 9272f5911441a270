import type { Architecture } from "./architecture.ts";
import { blocks, decoderBlock, decoderModel, embedding, finalNorm, head } from "./decoder-block.ts";
import { caps, readDecoderConfig } from "./decoder-config.ts";
import { readRope } from "./rope.ts";
import { readSoftCap } from "./soft-cap.ts";
import { readLayerTypes, readWindow } from "./windows.ts";

/** Gemma 2: Gemma with a norm before and after each sublayer, soft-caps on scores and logits, and windows on even layers. */
export const gemma2: Architecture = {
  names: ["Gemma2ForCausalLM"],
  modelType: "gemma2",
  createModel(config) {
    const c = readDecoderConfig(config, {
      norm: "rms-plus-one",
      keys: { activation: "hidden_activation" },
      defaults: { headDim: 256, tieEmbeddings: true, activation: "gelu-tanh" },
    });
    const rope = readRope(config, c.headDim, c.contextLength);
    const window = readWindow(config, 4096);
    const isWindowed = readLayerTypes(config, c.layerCount, (i) => i % 2 === 0);
    const options = {
      norms: "both",
      scale: 1 / Math.sqrt(config.number("query_pre_attn_scalar", caps.multiplier, 256)),
      softCap: readSoftCap(config, "attn_logit_softcapping", 50),
    } as const;
    return decoderModel("Gemma2ForCausalLM", c, rope, [
      embedding("model.embed_tokens", Math.sqrt(c.hiddenSize)),
      ...blocks(c, (prefix, i) => decoderBlock(prefix, c, { ...options, window: isWindowed[i] ? window : undefined })),
      finalNorm("model.norm", c),
      head("lm_head", c, "model.embed_tokens", { softCap: readSoftCap(config, "final_logit_softcapping", 30) }),
    ]);
  },
};
