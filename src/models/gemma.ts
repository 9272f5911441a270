import type { Architecture } from "./architecture.ts";
import { blocks, decoderBlock, decoderModel, embedding, finalNorm, head } from "./decoder-block.ts";
import { readDecoderConfig } from "./decoder-config.ts";
import { readRope } from "./rope.ts";

/** Gemma 1 and CodeGemma: embeddings times sqrt(hidden size), norms that multiply by 1 + w, a tanh GELU as the gate. */
export const gemma: Architecture = {
  names: ["GemmaForCausalLM"],
  modelType: "gemma",
  createModel(config) {
    const read = readDecoderConfig(config, {
      norm: "rms-plus-one",
      defaults: { headDim: 256, tieEmbeddings: true },
    });
    // Whether its configs say nothing, "gelu" or "gelu_pytorch_tanh": the models were trained with the tanh form.
    const c = { ...read, activation: "gelu-tanh" } as const;
    const rope = readRope(config, c.headDim, c.contextLength);
    return decoderModel("GemmaForCausalLM", c, rope, [
      embedding("model.embed_tokens", Math.sqrt(c.hiddenSize)),
      ...blocks(c, (prefix) => decoderBlock(prefix, c)),
      finalNorm("model.norm", c),
      head("lm_head", c, "model.embed_tokens"),
    ]);
  },
};
