import type { Activation } from "../device/program.ts";
import type { ConfigReader, Range } from "./config-reader.ts";
import type { NormKind } from "./model.ts";

/** What the configs of all decoder-only transformers have in common, defaults filled in. */
export interface DecoderConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layerCount: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly norm: NormKind;
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
  experts: { min: 1, max: 4096 },
  multiplier: { min: 1e-6, max: 1e6 },
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
} as const satisfies Record<ConfigKey, string>;

type ConfigKey = Exclude<keyof DecoderConfig, "norm">;

export interface DecoderConfigOptions {
  /** What the class takes where the file has none. */
  readonly defaults?: Partial<Omit<DecoderConfig, "norm">>;
  /** Keys that the class calls otherwise. */
  readonly keys?: Partial<Readonly<Record<ConfigKey, string>>>;
  /** Absent: "rms". */
  readonly norm?: NormKind;
}

/**
 * Reads the common keys. What may be missing takes the class's default, or the one that most of transformers' classes share: kv heads =
 * heads, head_dim = hidden_size / heads, silu, untied. Throws FormatError for values that make no model, UnsupportedError for other
 * activations.
 */
export function readDecoderConfig(config: ConfigReader, options: DecoderConfigOptions = {}): DecoderConfig {
  const keys = { ...usualKeys, ...options.keys };
  const { defaults = {}, norm = "rms" } = options;
  const hiddenSize = config.integer(keys.hiddenSize, caps.features, defaults.hiddenSize);
  const heads = config.integer(keys.heads, caps.heads, defaults.heads);
  const kvHeads = config.integer(keys.kvHeads, caps.heads, defaults.kvHeads ?? heads);
  if (heads % kvHeads !== 0) config.fail(keys.kvHeads, `a divisor of ${keys.heads}, which is ${heads}`);
  const headDim = config.optionalInteger(keys.headDim, caps.headDim) ?? defaults.headDim ?? hiddenSize / heads;
  if (!Number.isInteger(headDim))
    config.fail(keys.headDim, `an integer, since ${keys.hiddenSize} ${hiddenSize} is no multiple of ${heads} heads`);
  return {
    vocabSize: config.integer(keys.vocabSize, caps.vocabSize, defaults.vocabSize),
    hiddenSize,
    intermediateSize: config.integer(keys.intermediateSize, caps.features, defaults.intermediateSize),
    layerCount: config.integer(keys.layerCount, caps.layers, defaults.layerCount),
    heads,
    kvHeads,
    headDim,
    norm,
    normEps: config.number(keys.normEps, caps.eps, defaults.normEps),
    contextLength: config.integer(keys.contextLength, caps.positions, defaults.contextLength),
    activation: readActivation(config, keys.activation, defaults.activation),
    tieEmbeddings: config.boolean(keys.tieEmbeddings, defaults.tieEmbeddings ?? false),
  };
}

/** By the names of transformers' activations.py. */
const activations: Readonly<Record<string, Activation>> = {
  silu: "silu",
  swish: "silu", // the same function under its older name
  gelu: "gelu",
  gelu_new: "gelu-tanh",
  gelu_fast: "gelu-tanh",
  gelu_pytorch_tanh: "gelu-tanh",
};

/** The activation that a key names; `fallback` where there is none. */
function readActivation(config: ConfigReader, key: string, fallback: Activation = "silu"): Activation {
  const name = config.optionalString(key);
  if (name === undefined) return fallback;
  return Object.hasOwn(activations, name) ? activations[name] : config.refuse(key, Object.keys(activations).join(", "));
}
