import type { Architecture } from "./architecture.ts";
import type { ConfigReader } from "./config-reader.ts";
import { blocks, decoderBlock, decoderModel, embedding, finalNorm, head } from "./decoder-block.ts";
import { caps, readDecoderConfig } from "./decoder-config.ts";
import { readRope } from "./rope.ts";
import { readLayerWindows } from "./windows.ts";

/** SmolLM 3: Llama whose every fourth layer does not know positions. */
export const smollm3: Architecture = {
  names: ["SmolLM3ForCausalLM"],
  modelType: "smollm3",
  createModel(config) {
    const c = readDecoderConfig(config, { defaults: { kvHeads: 4, normEps: 1e-6, tieEmbeddings: true } });
    const rope = readRope(config, c.headDim, c.contextLength, { base: 2e6 });
    const windows = readLayerWindows(config, c.layerCount);
    const isRotated = readRotatedLayers(config, c.layerCount);
    return decoderModel("SmolLM3ForCausalLM", c, rope, [
      embedding("model.embed_tokens"),
      ...blocks(c, (prefix, i) => decoderBlock(prefix, c, { window: windows[i], rope: isRotated[i] ? 0 : "none" })),
      finalNorm("model.norm", c),
      head("lm_head", c, "model.embed_tokens"),
    ]);
  },
};

/** `no_rope_layers`, which says 1 for layers that do have a rope; without it every `no_rope_layer_interval`th has none. */
function readRotatedLayers(config: ConfigReader, layerCount: number): readonly boolean[] {
  const flags = config.optionalIntegers("no_rope_layers", { min: 0, max: 1 });
  const interval = config.integer("no_rope_layer_interval", caps.layers, 4);
  if (flags === undefined) return Array.from({ length: layerCount }, (_, i) => (i + 1) % interval !== 0);
  if (flags.length !== layerCount) config.fail("no_rope_layers", `one entry for each of ${layerCount} layers`);
  return flags.map((flag) => flag === 1);
}
