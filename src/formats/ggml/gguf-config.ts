import type { Metadata } from "../../containers/gguf/metadata.ts";
import { FormatError, UnsupportedError } from "../../util/errors.ts";
import type { JsonObject, JsonValue } from "../../util/json.ts";
import { quote } from "../../util/quote.ts";
import type { TensorHead } from "../weight-format.ts";
import type { GgufArchitecture } from "./gguf-architecture.ts";

/** Divisors of the rope's frequencies that a file has as tensors, by the tensor's name. */
export type RopeFactors = ReadonlyMap<string, readonly number[]>;

/** What a file says of its model. */
export interface GgufFacts {
  readonly metadata: Metadata;
  readonly tensors: ReadonlyMap<string, TensorHead>;
  readonly factors: RopeFactors;
}

/** The tensors that `ggufConfig` wants the values of. */
export const ropeFactorNames = ["rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight"] as const;

/**
 * The metadata of an architecture called `name` in the words of a config.json, which models are described by. Throws UnsupportedError for
 * what no model has, FormatError for values of a wrong type. Source: llama.cpp gguf-py/gguf/constants.py, and its converter.
 */
export function ggufConfig(
  name: string,
  { className, modelType, config }: GgufArchitecture,
  { metadata, tensors, factors }: GgufFacts,
): JsonObject {
  const key = (rest: string): string => `${name}.${rest}`;
  const heads = perModel(metadata, key("attention.head_count"));
  const embedding = tensors.get("token_embd.weight");
  const hiddenSize = metadata.count(key("embedding_length"));
  const keyLength = metadata.count(key("attention.key_length"));
  const usualHeadDim = hiddenSize === undefined || heads === undefined ? undefined : hiddenSize / heads;
  const fields: Record<string, JsonValue | undefined> = {
    architectures: [className],
    model_type: modelType,
    vocab_size: embedding?.shape[0] ?? metadata.count(key("vocab_size")),
    hidden_size: hiddenSize,
    intermediate_size: perModel(metadata, key("feed_forward_length")),
    num_hidden_layers: metadata.count(key("block_count")),
    num_attention_heads: heads,
    num_key_value_heads: perModel(metadata, key("attention.head_count_kv")) ?? heads,
    head_dim: keyLength,
    rms_norm_eps: metadata.number(key("attention.layer_norm_rms_epsilon")),
    max_position_embeddings: metadata.count(key("context_length")),
    tie_word_embeddings: !tensors.has("output.weight"),
    rope_theta: metadata.number(key("rope.freq_base")) ?? 10_000,
    ...ropeScaling(metadata, name, factors),
    ...config?.({
      number: (rest) => metadata.number(key(rest)),
      boolean: (rest) => metadata.boolean(key(rest)),
      headDim: keyLength ?? usualHeadDim,
    }),
    bos_token_id: metadata.count("tokenizer.ggml.bos_token_id"),
    eos_token_id: endTokens(metadata),
  };
  const present = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.assign(Object.create(null) as JsonObject, Object.fromEntries(present));
}

/** A number that some architectures have per layer, when it is the same in all. */
function perModel(metadata: Metadata, key: string): number | undefined {
  if (typeof metadata.get(key) !== "object") return metadata.count(key);
  const [first, ...others] = new Set(metadata.numbers(key));
  if (others.length > 0)
    throw new UnsupportedError(`${quote(key)} differs between layers, which no supported model does`);
  return first;
}

/** All tokens that end an answer: of a text, of a turn, of a message that calls a tool. */
function endTokens(metadata: Metadata): readonly number[] | undefined {
  const ids = ["eos", "eot", "eom"].flatMap((name) => metadata.count(`tokenizer.ggml.${name}_token_id`) ?? []);
  return ids.length === 0 ? undefined : [...new Set(ids)];
}

function ropeScaling(metadata: Metadata, name: string, factors: RopeFactors): Record<string, JsonValue | undefined> {
  const key = (rest: string): string => `${name}.rope.${rest}`;
  const context = metadata.count(`${name}.context_length`);
  const original = metadata.count(key("scaling.original_context_length")) ?? context;
  const [plain, short, long] = ropeFactorNames.map((tensor) => factors.get(tensor));
  if (short !== undefined || long !== undefined) {
    if (short === undefined || long === undefined) {
      throw new FormatError(`of rope_factors_short and rope_factors_long only one is there`);
    }
    const attention = metadata.number(key("scaling.attn_factor"));
    return {
      original_max_position_embeddings: original,
      rope_scaling: {
        rope_type: "longrope",
        short_factor: short,
        long_factor: long,
        ...(attention !== undefined && { attention_factor: attention }),
      },
    };
  }
  if (plain !== undefined) {
    // Llama 3.1's smoothing, worked out by the converter: one set of divisors for all lengths.
    const set = { short_factor: plain, long_factor: plain, attention_factor: 1 };
    return { original_max_position_embeddings: original, rope_scaling: { rope_type: "longrope", ...set } };
  }
  const type = metadata.string(key("scaling.type")) ?? "none";
  const factor = metadata.number(key("scaling.factor")) ?? metadata.number(key("scale_linear"));
  if (type === "none" || (type === "linear" && factor === undefined)) {
    const old = metadata.number(key("scale_linear"));
    return old === undefined || old === 1 ? {} : { rope_scaling: { rope_type: "linear", factor: old } };
  }
  const scaling: Record<string, JsonValue | undefined> = { rope_type: type, factor };
  if (type === "yarn") {
    const optional: Readonly<Record<string, number | undefined>> = {
      original_max_position_embeddings: original,
      attention_factor: metadata.number(key("scaling.attn_factor")),
      beta_fast: metadata.number(key("scaling.yarn_beta_fast")),
      beta_slow: metadata.number(key("scaling.yarn_beta_slow")),
    };
    for (const [name, value] of Object.entries(optional)) if (value !== undefined) scaling[name] = value;
  }
  return { rope_scaling: scaling };
}
