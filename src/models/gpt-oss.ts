import type { Architecture } from "./architecture.ts";
import { blocks, decoderBlock, decoderModel, embedding, finalNorm, head } from "./decoder-block.ts";
import { caps, readDecoderConfig } from "./decoder-config.ts";
import { readRope } from "./rope.ts";
import { readExpertChoice } from "./experts.ts";
import { readLayerTypes, readWindow } from "./windows.ts";

/** gpt-oss: experts with a clamped gate, windows on even layers, and heads that may look at a sink. */
export const gptOss: Architecture = {
  names: ["GptOssForCausalLM"],
  modelType: "gpt_oss",
  createModel(config) {
    const c = readDecoderConfig(config, { defaults: { headDim: 64, normEps: 1e-5 } });
    const rope = readRope(config, c.headDim, c.contextLength, { base: 150_000 });
    const window = readWindow(config, 128);
    const isWindowed = readLayerTypes(config, c.layerCount, (i) => i % 2 === 0);
    const experts = {
      ...readExpertChoice(config, { countKey: "num_local_experts", count: 128, choices: 4 }),
      weighting: "normalized",
      intermediateSize: c.intermediateSize,
      interleavedGateUp: true,
      glu: { clampedAt: config.number("swiglu_limit", caps.multiplier, 7) },
    } as const;
    const options = { sinks: true, experts, names: { router: "mlp.router" } };
    return decoderModel("GptOssForCausalLM", c, rope, [
      embedding("model.embed_tokens"),
      ...blocks(c, (prefix, i) => decoderBlock(prefix, c, { ...options, window: isWindowed[i] ? window : undefined })),
      finalNorm("model.norm", c),
      head("lm_head", c, "model.embed_tokens"),
    ]);
  },
};
