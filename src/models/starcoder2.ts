import type { Architecture } from "./architecture.ts";
import { blocks, decoderBlock, decoderModel, embedding, finalNorm, head } from "./decoder-block.ts";
import { readDecoderConfig } from "./decoder-config.ts";
import { readRope } from "./rope.ts";
import { readWindow } from "./windows.ts";

/** StarCoder 2: layer norms, an MLP without a gate, biases everywhere (which the file tells), and a window on all layers. */
export const starcoder2: Architecture = {
  names: ["Starcoder2ForCausalLM"],
  modelType: "starcoder2",
  createModel(config) {
    const c = readDecoderConfig(config, {
      norm: "layer",
      keys: { normEps: "norm_epsilon" },
      defaults: { normEps: 1e-5, activation: "gelu-tanh", tieEmbeddings: true },
    });
    const rope = readRope(config, c.headDim, c.contextLength);
    const options = {
      window: readWindow(config),
      withoutGate: true,
      names: { up: "mlp.c_fc", down: "mlp.c_proj" },
    };
    return decoderModel("Starcoder2ForCausalLM", c, rope, [
      embedding("model.embed_tokens"),
      ...blocks(c, (prefix) => decoderBlock(prefix, c, options)),
      finalNorm("model.norm", c),
      head("lm_head", c, "model.embed_tokens"),
    ]);
  },
};
