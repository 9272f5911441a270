import type { MetadataField } from "../../containers/gguf/write-gguf.ts";
import { UnsupportedError } from "../../util/errors.ts";
import { isJsonObject, type JsonObject } from "../../util/json.ts";
import type { GgufArchitecture } from "./gguf-architecture.ts";

export type GgufFields = ReadonlyMap<string, MetadataField>;

/** Divisors of the rope's frequencies: a tensor of one value for each pair. */
export interface RopeTensor {
  readonly name: string;
  readonly values: readonly number[] | Float32Array;
}

export const u32 = (value: number): MetadataField => ({ type: "u32", value });
export const f32 = (value: number): MetadataField => ({ type: "f32", value });
export const text = (value: string): MetadataField => ({ type: "string", value });
export const flag = (value: boolean): MetadataField => ({ type: "bool", value });

/** What the config says that its model has been made from, with what transformers takes where it says nothing. */
export interface GgufDimensions {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** Heads as a config tells them. */
export function dimensionsOf(config: JsonObject): GgufDimensions {
  const heads = numberIn(config, "num_attention_heads") ?? 1;
  return {
    heads,
    kvHeads: numberIn(config, "num_key_value_heads") ?? heads,
    headDim: numberIn(config, "head_dim") ?? (numberIn(config, "hidden_size") ?? 0) / heads,
  };
}

/**
 * A config.json that a model has been made from, as the metadata of a GGUF file: the inverse of `ggufConfig`. `rotaryDim` counts the
 * elements of a head that rotate. Throws UnsupportedError for what the architecture's files cannot say.
 * Source: llama.cpp gguf-py/gguf/constants.py, and its converter.
 */
export function ggufFields(
  name: string,
  { keys }: GgufArchitecture,
  config: JsonObject,
  rotaryDim: number,
): GgufFields {
  const { heads, kvHeads, headDim } = dimensionsOf(config);
  const fields = new Map<string, MetadataField>([["general.architecture", text(name)]]);
  const put = (key: string, field: MetadataField | undefined): void => {
    if (field !== undefined) fields.set(`${name}.${key}`, field);
  };
  const count = (key: string): MetadataField | undefined => mapped(numberIn(config, key), u32);
  put("block_count", count("num_hidden_layers"));
  put("context_length", count("max_position_embeddings"));
  put("embedding_length", count("hidden_size"));
  put("feed_forward_length", count("intermediate_size"));
  put("attention.head_count", u32(heads));
  put("attention.head_count_kv", u32(kvHeads));
  put("attention.key_length", u32(headDim));
  put("attention.value_length", u32(headDim));
  put("attention.layer_norm_rms_epsilon", mapped(numberIn(config, "rms_norm_eps"), f32));
  put("vocab_size", count("vocab_size"));
  put("rope.dimension_count", u32(rotaryDim));
  put("rope.freq_base", f32(ropeTheta(config)));
  for (const [key, field] of ropeFields(config)) put(key, field);
  for (const [key, field] of Object.entries(keys?.(config, headDim) ?? {})) put(key, field);
  return fields;
}

function numberIn(config: JsonObject, key: string): number | undefined {
  const value = config[key];
  return typeof value === "number" ? value : undefined;
}

function mapped<From, To>(value: From | undefined, map: (value: From) => To): To | undefined {
  return value === undefined ? undefined : map(value);
}

/** In either style: at the top, or all of it in `rope_parameters`. */
function ropeOf(config: JsonObject): JsonObject | undefined {
  const { rope_parameters: parameters, rope_scaling: scaling } = config;
  const ofAll = isJsonObject(parameters) ? (parameters.full_attention ?? parameters) : scaling;
  return isJsonObject(ofAll) ? ofAll : undefined;
}

function ropeTheta(config: JsonObject): number {
  const rope = ropeOf(config);
  return (rope && numberIn(rope, "rope_theta")) ?? numberIn(config, "rope_theta") ?? 10_000;
}

/** How positions are stretched; undefined: they are not. */
function ropeKind(config: JsonObject): string | undefined {
  const rope = ropeOf(config);
  const kind = rope?.rope_type ?? rope?.type;
  return typeof kind === "string" && kind !== "default" ? kind : undefined;
}

function ropeFields(config: JsonObject): readonly (readonly [string, MetadataField])[] {
  const rope = ropeOf(config) ?? {};
  const kind = ropeKind(config);
  const original =
    numberIn(rope, "original_max_position_embeddings") ?? numberIn(config, "original_max_position_embeddings");
  const fields: Record<string, MetadataField | undefined> = {};
  switch (kind) {
    case undefined:
    case "llama3": // its divisors are a tensor
      return [];
    case "linear":
      fields["rope.scaling.type"] = text("linear");
      fields["rope.scaling.factor"] = mapped(numberIn(rope, "factor"), f32);
      break;
    case "yarn":
      fields["rope.scaling.type"] = text("yarn");
      fields["rope.scaling.factor"] = mapped(numberIn(rope, "factor"), f32);
      fields["rope.scaling.original_context_length"] = mapped(original, u32);
      fields["rope.scaling.attn_factor"] = mapped(numberIn(rope, "attention_factor"), f32);
      fields["rope.scaling.yarn_beta_fast"] = mapped(numberIn(rope, "beta_fast"), f32);
      fields["rope.scaling.yarn_beta_slow"] = mapped(numberIn(rope, "beta_slow"), f32);
      break;
    case "longrope":
    case "su":
      fields["rope.scaling.original_context_length"] = mapped(original, u32);
      fields["rope.scaling.attn_factor"] = f32(longRopeFactor(config, rope, original));
      break;
    default:
      throw new UnsupportedError(`its rope is scaled by ${kind}, of which GGUF files do not tell`);
  }
  return Object.entries(fields).flatMap(([key, field]) => (field === undefined ? [] : [[key, field] as const]));
}

/** As transformers computes it where the config does not say (modeling_rope_utils.py): what cosine and sine are scaled by. */
function longRopeFactor(config: JsonObject, rope: JsonObject, original: number | undefined): number {
  const told = numberIn(rope, "attention_factor");
  if (told !== undefined || original === undefined) return told ?? 1;
  const factor = numberIn(rope, "factor") ?? (numberIn(config, "max_position_embeddings") ?? original) / original;
  return factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
}

/**
 * The tensors of a rope whose frequencies are divided one by one. `inverseFrequencies` are those that the model rotates by; for Llama 3.1
 * the divisors follow from them.
 */
export function ropeTensors(config: JsonObject, inverseFrequencies: Float32Array): readonly RopeTensor[] {
  const rope = ropeOf(config) ?? {};
  const kind = ropeKind(config);
  if (kind === "llama3") {
    const theta = ropeTheta(config);
    const values = inverseFrequencies.map((frequency, i) => theta ** (-i / inverseFrequencies.length) / frequency);
    return [{ name: "rope_freqs.weight", values }];
  }
  if (kind !== "longrope" && kind !== "su") return [];
  return ["short", "long"].map((which) => ({
    name: `rope_factors_${which}.weight`,
    values: rope[`${which}_factor`] as readonly number[], // the model has been made from them
  }));
}
