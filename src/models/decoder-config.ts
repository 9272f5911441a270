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
export const caps = {
  layers: { min: 1, max: 1024 },
  vocabSize: { min: 1, max: 2 ** 22 },
  features: { min: 1, max: 2 ** 20 },
  heads: { min: 1, max: 4096 },
  headDim: { min: 1, max: 8192 },
  positions: { min: 1, max: 2 ** 27 },
  eps: { min: 0, max: 1 },
  ropeBase: { min: 1e-3, max: 1e15 },
} as const satisfies Record<string, Range>;

/** What the keys are called in most classes. */
const usualKeys = {
  vocabSize: "vocab_size",
  hiddenSize: "hidden_size",
  intermediateSize: "intermediate_size",
  layerCount: "num_hidden_layers",
  heads: "num_attention_heads",
  kvHeads: "num_key_value_heads",
  headDim: "head_dim",
  normEps: "rms_norm_eps",
  contextLength: "max_position_embeddings",
  activation: "hidden_act",
  tieEmbeddings: "tie_word_embeddings",
} as const satisfies Record<keyof DecoderConfig, string>;

export interface DecoderConfigOptions {
  /** What the class takes where the file has none; absent: hidden size / heads. */
  readonly headDim?: number;
  /** Keys that the class calls otherwise. */
  readonly keys?: Partial<Readonly<Record<keyof DecoderConfig, string>>>;
}

/**
 * Reads the common keys. What may be missing takes the default that all of transformers' classes share: kv heads = heads,
 * head_dim = hidden_size / heads, silu, untied. Throws FormatError for values that make no model, UnsupportedError for other activations.
 */
export function readDecoderConfig(config: ConfigReader, options: DecoderConfigOptions = {}): DecoderConfig {
  const keys = { ...usualKeys, ...options.keys };
  const hiddenSize = config.integer(keys.hiddenSize, caps.features);
  const heads = config.integer(keys.heads, caps.heads);
  const kvHeads = config.integer(keys.kvHeads, caps.heads, heads);
  if (heads % kvHeads !== 0) config.fail(keys.kvHeads, `a divisor of ${keys.heads}, which is ${heads}`);
  const headDim = config.optionalInteger(keys.headDim, caps.headDim) ?? options.headDim ?? hiddenSize / heads;
  if (!Number.isInteger(headDim))
    config.fail(keys.headDim, `an integer, since ${keys.hiddenSize} ${hiddenSize} is no multiple of ${heads} heads`);
  return {
    vocabSize: config.integer(keys.vocabSize, caps.vocabSize),
    hiddenSize,
    intermediateSize: config.integer(keys.intermediateSize, caps.features),
    layerCount: config.integer(keys.layerCount, caps.layers),
    heads,
    kvHeads,
    headDim,
    normEps: config.number(keys.normEps, caps.eps),
    contextLength: config.integer(keys.contextLength, caps.positions),
    activation: readActivation(config, keys.activation),
    tieEmbeddings: config.boolean(keys.tieEmbeddings, false),
  };
}

function readActivation(config: ConfigReader, key: string): Activation {
  const name = config.optionalString(key) ?? "silu";
  // swish is the same function under its older name.
  return name === "silu" || name === "swish" ? "silu" : config.refuse(key, "silu");
}
