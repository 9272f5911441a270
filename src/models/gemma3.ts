import type { Architecture } from "./architecture.ts";
import type { ConfigReader } from "./config-reader.ts";
import { blocks, decoderBlock, decoderModel, embedding, finalNorm, head } from "./decoder-block.ts";
import { caps, readDecoderConfig } from "./decoder-config.ts";
import type { Layer, Model } from "./model.ts";
import { readRope } from "./rope.ts";
import { readSoftCap } from "./soft-cap.ts";
import { readLayerTypes, readWindow } from "./windows.ts";

/** Gemma 3 without its vision: Gemma 2 with norms of queries and keys in place of soft-caps, and a rope of its own for windowed layers. */
export const gemma3: Architecture = {
  names: ["Gemma3ForCausalLM"],
  modelType: "gemma3_text",
  createModel: (config) => gemma3Text("Gemma3ForCausalLM", config, ""),
};

/** The text model inside of Gemma 3 with vision. */
export const gemma3Vision: Architecture = {
  names: ["Gemma3ForConditionalGeneration"],
  modelType: "gemma3",
  createModel: (config) =>
    gemma3Text(
      "Gemma3ForConditionalGeneration",
      config.optionalObject("text_config") ?? config.fail("text_config", "the text model's config"),
      "language_model.",
    ),
};

/** The files of the 4B say little: what they leave out is the class's. */
const defaults = {
  vocabSize: 262_208,
  hiddenSize: 2304,
  intermediateSize: 9216,
  layerCount: 26,
  heads: 8,
  kvHeads: 4,
  headDim: 256,
  normEps: 1e-6,
  contextLength: 131_072,
  activation: "gelu-tanh",
  tieEmbeddings: true,
} as const;

function gemma3Text(architecture: string, config: ConfigReader, prefix: string): Model {
  const c = readDecoderConfig(config, {
    norm: "rms-plus-one",
    keys: { activation: "hidden_activation" },
    defaults,
  });
  const full = readRope(config, c.headDim, c.contextLength, { base: 1e6, layerType: "full_attention" });
  const local = readRope(config, c.headDim, c.contextLength, {
    baseKey: "rope_local_base_freq",
    layerType: "sliding_attention",
    isUnscaled: true,
  });
  const window = readWindow(config, 4096);
  const pattern = config.integer("sliding_window_pattern", caps.layers, 6);
  const isWindowed = readLayerTypes(config, c.layerCount, (i) => (i + 1) % pattern !== 0);
  const options = {
    norms: "both",
    queryKeyNorms: "head",
    scale: 1 / Math.sqrt(config.number("query_pre_attn_scalar", caps.multiplier, 256)),
    softCap: readSoftCap(config, "attn_logit_softcapping"),
  } as const;
  const block = (name: string, i: number): readonly Layer[] =>
    decoderBlock(name, c, { ...options, ...(isWindowed[i] ? { window, rope: 1 } : {}) });
  const embeddings = `${prefix}model.embed_tokens`;
  return decoderModel(architecture, c, [full, local], [
    embedding(embeddings, Math.sqrt(c.hiddenSize)),
    ...blocks(c, block, `${prefix}model.layers`),
    finalNorm(`${prefix}model.norm`, c),
    head(`${prefix}lm_head`, c, embeddings, { softCap: readSoftCap(config, "final_logit_softcapping") }),
  ]);
}
