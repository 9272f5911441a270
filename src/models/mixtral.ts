import type { Architecture } from "./architecture.ts";
import { blocks, decoderBlock, decoderModel, embedding, finalNorm, head } from "./decoder-block.ts";
import { readDecoderConfig } from "./decoder-config.ts";
import { readRope } from "./rope.ts";
import { readExpertChoice } from "./experts.ts";
import { readWindow } from "./windows.ts";

/** Mixtral: Mistral with eight experts in place of the MLP, two of which a token goes through. */
export const mixtral: Architecture = {
  names: ["MixtralForCausalLM"],
  modelType: "mixtral",
  createModel(config) {
    const c = readDecoderConfig(config);
    const rope = readRope(config, c.headDim, c.contextLength, { base: 1e6 });
    const experts = {
      ...readExpertChoice(config, { countKey: "num_local_experts", count: 8, choices: 2 }),
      weighting: "normalized",
      intermediateSize: c.intermediateSize,
      names: { gate: "w1", up: "w3", down: "w2" },
    } as const;
    const names = { router: "block_sparse_moe.gate", expert: "block_sparse_moe.experts" };
    const window = readWindow(config);
    return decoderModel("MixtralForCausalLM", c, rope, [
      embedding("model.embed_tokens"),
      ...blocks(c, (prefix) => decoderBlock(prefix, c, { window, experts, names })),
      finalNorm("model.norm", c),
      head("lm_head", c, "model.embed_tokens"),
    ]);
  },
};
