import type { Architecture } from "./architecture.ts";
import { blocks, decoderBlock, decoderModel, embedding, finalNorm, head } from "./decoder-block.ts";
import { caps, readDecoderConfig } from "./decoder-config.ts";
import { readRope } from "./rope.ts";
import { readExpertChoice, readSparseLayers, readWeighting } from "./experts.ts";
import { readLayerWindows } from "./windows.ts";

/** Qwen 1.5 and 2 mixtures: Qwen 2 with small experts, and a large one that every token goes through to a share of its own. */
export const qwen2Moe: Architecture = {
  names: ["Qwen2MoeForCausalLM"],
  modelType: "qwen2_moe",
  createModel(config) {
    const c = readDecoderConfig(config);
    const rope = readRope(config, c.headDim, c.contextLength);
    const windows = readLayerWindows(config, c.layerCount);
    const experts = {
      ...readExpertChoice(config, { countKey: "num_experts", count: 60, choices: 4 }),
      weighting: readWeighting(config),
      intermediateSize: config.integer("moe_intermediate_size", caps.features),
      sharedSize: config.integer("shared_expert_intermediate_size", caps.features),
    };
    const isSparse = readSparseLayers(config, c.layerCount);
    return decoderModel("Qwen2MoeForCausalLM", c, rope, [
      embedding("model.embed_tokens"),
      ...blocks(c, (prefix, i) =>
        decoderBlock(prefix, c, { window: windows[i], experts: isSparse[i] ? experts : undefined }),
      ),
      finalNorm("model.norm", c),
      head("lm_head", c, "model.embed_tokens"),
    ]);
  },
};
