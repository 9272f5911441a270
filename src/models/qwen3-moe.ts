import type { Architecture } from "./architecture.ts";
import { blocks, decoderBlock, decoderModel, embedding, finalNorm, head } from "./decoder-block.ts";
import { caps, readDecoderConfig } from "./decoder-config.ts";
import { readRope } from "./rope.ts";
import { readExpertChoice, readSparseLayers, readWeighting } from "./experts.ts";
import { readLayerWindows } from "./windows.ts";

/** Qwen 3 mixtures: Qwen 3 with experts in place of the MLP of most layers. */
export const qwen3Moe: Architecture = {
  names: ["Qwen3MoeForCausalLM"],
  modelType: "qwen3_moe",
  createModel(config) {
    const c = readDecoderConfig(config);
    const rope = readRope(config, c.headDim, c.contextLength);
    const windows = readLayerWindows(config, c.layerCount);
    const experts = {
      ...readExpertChoice(config, { countKey: "num_experts", count: 128, choices: 8 }),
      weighting: readWeighting(config),
      intermediateSize: config.integer("moe_intermediate_size", caps.features),
    };
    const isSparse = readSparseLayers(config, c.layerCount);
    return decoderModel("Qwen3MoeForCausalLM", c, rope, [
      embedding("model.embed_tokens"),
      ...blocks(c, (prefix, i) =>
        decoderBlock(prefix, c, {
          window: windows[i],
          queryKeyNorms: "head",
          experts: isSparse[i] ? experts : undefined,
        }),
      ),
      finalNorm("model.norm", c),
      head("lm_head", c, "model.embed_tokens"),
    ]);
  },
};
