import type { Architecture } from "./architecture.ts";
import { blocks, decoderBlock, decoderModel, embedding, finalNorm, head } from "./decoder-block.ts";
import { readDecoderConfig } from "./decoder-config.ts";
import { readRope } from "./rope.ts";

/** Phi 1, 1.5 and 2: attention and MLP in parallel from one layer norm, no gate, and half of each head rotated. */
export const phi: Architecture = {
  names: ["PhiForCausalLM"],
  modelType: "phi",
  createModel(config) {
    const c = readDecoderConfig(config, {
      norm: "layer",
      keys: { normEps: "layer_norm_eps" },
      defaults: { normEps: 1e-5, activation: "gelu-tanh" },
    });
    if (config.boolean("qk_layernorm", false)) config.refuse("qk_layernorm", "false");
    const rope = readRope(config, c.headDim, c.contextLength, { partial: 0.5 });
    const names = { mlpNorm: "input_layernorm", output: "self_attn.dense", up: "mlp.fc1", down: "mlp.fc2" };
    return decoderModel("PhiForCausalLM", c, rope, [
      embedding("model.embed_tokens"),
      ...blocks(c, (prefix) => decoderBlock(prefix, c, { parallel: true, withoutGate: true, names })),
      finalNorm("model.final_layernorm", c),
      head("lm_head", c, "model.embed_tokens"),
    ]);
  },
};
