import type { Activation } from "../device/program.ts";
import type { ConfigReader, Range } from "./config-reader.ts";

/** What the configs of all decoder-only transformers have in common, defaults filled in. */
export interface DecoderConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layerCount: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly normEps: number;
  readonly contextLength: number;
  readonly activation: Activation;
  readonly tieEmbeddings: boolean;
}

/** Beyond any published model, and small enough that every product of two of them is a safe integer. */
const caps = {
  layers: { min: 1, max: 1024 },
  vocabSize: { min: 1, max: 2 ** 22 },
  features: { min: 1, max: 2 ** 20 },
  heads: { min: 1, max: 4096 },
  headDim: { min: 1, max: 8192 },
  positions: { min: 1, max: 2 ** 27 },
  eps: { min: 0, max: 1 },
} as const satisfies Record<string, Range>;

/**
 * Reads the common keys. What may be missing takes the default that all of transformers' classes share: kv heads = heads,
 * head_dim = hidden_size / heads, silu, untied. Throws FormatError for values that make no model, UnsupportedError for other activations.
 */
export function readDecoderConfig(config: ConfigReader, defaults: { readonly headDim?: number } = {}): DecoderConfig {
  const hiddenSize = config.integer("hidden_size", caps.features);
  const heads = config.integer("num_attention_heads", caps.heads);
  const kvHeads = config.integer("num_key_value_heads", caps.heads, heads);
  if (heads % kvHeads !== 0)
    config.fail("num_key_value_heads", `a divisor of num_attention_heads, which is ${heads}`);
  return {
    vocabSize: config.integer("vocab_size", caps.vocabSize),
    hiddenSize,
    intermediateSize: config.integer("intermediate_size", caps.features),
    layerCount: config.integer("num_hidden_layers", caps.layers),
    heads,
    kvHeads,
    headDim: config.optionalInteger("head_dim", caps.headDim) ?? defaults.headDim ?? wholeShare(config, hiddenSize, heads),
    normEps: config.number("rms_norm_eps", caps.eps),
    contextLength: config.integer("max_position_embeddings", caps.positions),
    activation: readActivation(config),
    tieEmbeddings: config.boolean("tie_word_embeddings", false),
  };
}

function wholeShare(config: ConfigReader, hiddenSize: number, heads: number): number {
  if (hiddenSize % heads === 0) return hiddenSize / heads;
  return config.fail("head_dim", `an integer, since hidden_size ${hiddenSize} is no multiple of ${heads} heads`);
}

function readActivation(config: ConfigReader): Activation {
  const name = config.optionalString("hidden_act") ?? "silu";
  // swish is the same function under its older name.
  return name === "silu" || name === "swish" ? "silu" : config.refuse("hidden_act", "silu");
}
