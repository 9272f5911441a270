import type { MetadataField } from "../../containers/gguf/write-gguf.ts";
import { UnsupportedError } from "../../util/errors.ts";
import type { JsonObject, JsonValue } from "../../util/json.ts";

/** How GGUF tells of an architecture what config.json and safetensors tell in other words. */
export interface GgufArchitecture {
  /** The class of transformers, by which models are found. */
  readonly className: string;
  readonly modelType: string;
  /** True: the rows of q and k are in the order of rotated pairs (pair-rows.ts). */
  readonly pairRows: boolean;
  /** True: the file holds 1 + w of norms that multiply by 1 + w. */
  readonly hasNormsPlusOne?: boolean;
  /** Modules of a block whose tensors are not called as in `blockTensors`. */
  readonly blockTensors?: Readonly<Record<string, string>>;
  /** Members of config.json that this architecture has beyond the usual; undefined ones are left out. */
  readonly config?: (read: ArchitectureKeys) => Readonly<Record<string, number | boolean | undefined>>;
  /** The inverse of `config`: metadata under the architecture's name. Throws UnsupportedError for what files cannot say. */
  readonly keys?: (config: JsonObject, headDim: number) => Readonly<Record<string, MetadataField>>;
}

/** The metadata under the architecture's name, "gemma2.attention.sliding_window" by "attention.sliding_window". */
export interface ArchitectureKeys {
  readonly number: (key: string) => number | undefined;
  readonly boolean: (key: string) => boolean | undefined;
  /** Elements of a head: what is rotated may be fewer. */
  readonly headDim: number | undefined;
}

/** Metadata of those members of a config that are there: keys by members. */
function present(
  config: JsonObject,
  type: "f32" | "u32" | "bool",
  members: Readonly<Record<string, string>>,
): Record<string, MetadataField> {
  const fields: Record<string, MetadataField> = {};
  for (const [member, key] of Object.entries(members)) {
    const value = config[member];
    if (type === "bool" && typeof value === "boolean") fields[key] = { type, value };
    if (type !== "bool" && typeof value === "number") fields[key] = { type, value };
  }
  return fields;
}

/** Files have no place for it, and llama.cpp takes it for granted. */
function requireMember(config: JsonObject, member: string, ...accepted: readonly (JsonValue | undefined)[]): void {
  const value = config[member];
  if (accepted.includes(value)) return;
  throw new UnsupportedError(`its ${member} is ${JSON.stringify(value)}, of which GGUF files of its kind do not tell`);
}

/** Gemma's norms around both sublayers, OLMo's behind them. */
const normsAround = {
  post_attention_layernorm: "post_attention_norm",
  pre_feedforward_layernorm: "ffn_norm",
  post_feedforward_layernorm: "post_ffw_norm",
};

/** What files of mixtures say of their experts. */
const expertKeys = ({ number }: ArchitectureKeys) => ({
  num_experts: number("expert_count"),
  num_local_experts: number("expert_count"),
  num_experts_per_tok: number("expert_used_count"),
  moe_intermediate_size: number("expert_feed_forward_length"),
  shared_expert_intermediate_size: number("expert_shared_feed_forward_length"),
});

const expertFields = (config: JsonObject) =>
  present(config, "u32", {
    num_experts: "expert_count",
    num_local_experts: "expert_count",
    num_experts_per_tok: "expert_used_count",
    moe_intermediate_size: "expert_feed_forward_length",
    shared_expert_intermediate_size: "expert_shared_feed_forward_length",
  });

/** By `general.architecture`. Mistral's files say "llama", and so do Mixtral's. */
const architectures: Readonly<Record<string, GgufArchitecture>> = {
  llama: { className: "LlamaForCausalLM", modelType: "llama", pairRows: true },
  qwen2: { className: "Qwen2ForCausalLM", modelType: "qwen2", pairRows: false },
  qwen3: { className: "Qwen3ForCausalLM", modelType: "qwen3", pairRows: false },
  qwen2moe: {
    className: "Qwen2MoeForCausalLM",
    modelType: "qwen2_moe",
    pairRows: false,
    config: expertKeys,
    keys: (config) => {
      requireMember(config, "norm_topk_prob", false, undefined);
      return expertFields(config);
    },
  },
  qwen3moe: {
    className: "Qwen3MoeForCausalLM",
    modelType: "qwen3_moe",
    pairRows: false,
    config: (keys) => ({ ...expertKeys(keys), norm_topk_prob: true }), // llama.cpp does so without asking
    keys(config) {
      requireMember(config, "norm_topk_prob", true);
      return expertFields(config);
    },
  },
  smollm3: { className: "SmolLM3ForCausalLM", modelType: "smollm3", pairRows: true },
  gptneox: {
    className: "GPTNeoXForCausalLM",
    modelType: "gpt_neox",
    pairRows: false,
    blockTensors: { "attention.dense": "attn_output", "mlp.dense_h_to_4h": "ffn_up", "mlp.dense_4h_to_h": "ffn_down" },
    config: ({ number, boolean, headDim }) => ({
      layer_norm_eps: number("attention.layer_norm_epsilon"),
      rotary_emb_base: number("rope.freq_base"),
      rotary_pct: share(number("rope.dimension_count"), headDim),
      use_parallel_residual: boolean("use_parallel_residual"),
    }),
  },
  phi2: {
    className: "PhiForCausalLM",
    modelType: "phi",
    pairRows: false,
    blockTensors: { "self_attn.dense": "attn_output", "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down" },
    config: ({ number, headDim }) => ({
      layer_norm_eps: number("attention.layer_norm_epsilon"),
      partial_rotary_factor: share(number("rope.dimension_count"), headDim),
    }),
  },
  starcoder2: {
    className: "Starcoder2ForCausalLM",
    modelType: "starcoder2",
    pairRows: false,
    blockTensors: { "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down" },
    config: ({ number }) => ({
      norm_epsilon: number("attention.layer_norm_epsilon"),
      sliding_window: number("attention.sliding_window"),
    }),
  },
  "gpt-oss": {
    className: "GptOssForCausalLM",
    modelType: "gpt_oss",
    pairRows: false,
    blockTensors: { post_attention_layernorm: "post_attention_norm", "mlp.router": "ffn_gate_inp" },
    // No key says where gates are clamped: llama.cpp does it at 7, as both models that were published.
    config: (keys) => ({
      ...expertKeys(keys),
      intermediate_size: keys.number("expert_feed_forward_length") ?? keys.number("feed_forward_length"),
      sliding_window: keys.number("attention.sliding_window"),
    }),
  },
  phi3: { className: "Phi3ForCausalLM", modelType: "phi3", pairRows: false },
  olmo2: { className: "Olmo2ForCausalLM", modelType: "olmo2", pairRows: false, blockTensors: normsAround },
  granite: {
    className: "GraniteForCausalLM",
    modelType: "granite",
    pairRows: true,
    config: ({ number }) => ({
      attention_multiplier: number("attention.scale"),
      embedding_multiplier: number("embedding_scale"),
      residual_multiplier: number("residual_scale"),
      logits_scaling: number("logit_scale"),
    }),
    keys: (config) =>
      present(config, "f32", {
        attention_multiplier: "attention.scale",
        embedding_multiplier: "embedding_scale",
        residual_multiplier: "residual_scale",
        logits_scaling: "logit_scale",
      }),
  },
  stablelm: {
    className: "StableLmForCausalLM",
    modelType: "stablelm",
    pairRows: false,
    config: ({ number, boolean, headDim }) => ({
      layer_norm_eps: number("attention.layer_norm_epsilon"),
      partial_rotary_factor: share(number("rope.dimension_count"), headDim),
      use_parallel_residual: boolean("use_parallel_residual"),
    }),
    keys: (config) => ({
      ...present(config, "f32", { layer_norm_eps: "attention.layer_norm_epsilon" }),
      use_parallel_residual: { type: "bool", value: config.use_parallel_residual === true },
    }),
  },
  gemma: { className: "GemmaForCausalLM", modelType: "gemma", pairRows: false, hasNormsPlusOne: true },
  gemma2: {
    className: "Gemma2ForCausalLM",
    modelType: "gemma2",
    pairRows: false,
    hasNormsPlusOne: true,
    blockTensors: normsAround,
    // No key says what scores are divided by: llama.cpp takes the head's size for all.
    config: ({ number, headDim }) => ({
      attn_logit_softcapping: number("attn_logit_softcapping"),
      final_logit_softcapping: number("final_logit_softcapping"),
      sliding_window: number("attention.sliding_window"),
      query_pre_attn_scalar: headDim,
    }),
    keys(config, headDim) {
      requireMember(config, "query_pre_attn_scalar", headDim);
      const caps = {
        attn_logit_softcapping: "attn_logit_softcapping",
        final_logit_softcapping: "final_logit_softcapping",
      };
      return {
        ...present(config, "f32", caps),
        ...present(config, "u32", { sliding_window: "attention.sliding_window" }),
      };
    },
  },
  gemma3: {
    className: "Gemma3ForCausalLM",
    modelType: "gemma3_text",
    pairRows: false,
    hasNormsPlusOne: true,
    blockTensors: normsAround,
    config: ({ number, headDim }) => ({
      final_logit_softcapping: number("final_logit_softcapping"),
      sliding_window: number("attention.sliding_window"),
      rope_local_base_freq: number("rope.freq_base_swa"),
      query_pre_attn_scalar: headDim,
    }),
    keys(config, headDim) {
      requireMember(config, "query_pre_attn_scalar", headDim);
      requireMember(config, "final_logit_softcapping", null, undefined);
      return {
        ...present(config, "f32", { rope_local_base_freq: "rope.freq_base_swa" }),
        ...present(config, "u32", { sliding_window: "attention.sliding_window" }),
      };
    },
  },
};

function share(part: number | undefined, whole: number | undefined): number | undefined {
  return part === undefined || whole === undefined ? undefined : part / whole;
}

const mixtral: GgufArchitecture = {
  className: "MixtralForCausalLM",
  modelType: "mixtral",
  pairRows: true,
  config: expertKeys,
  keys: expertFields,
};

/** The architecture of a name; undefined: no model of ours has it. */
export function ggufArchitecture(name: string, hasExperts: boolean): GgufArchitecture | undefined {
  if (name === "llama" && hasExperts) return mixtral;
  return Object.hasOwn(architectures, name) ? architectures[name] : undefined;
}

/** How GGUF tells of a class of transformers, and under which name; undefined: its files are not written. */
export function ggufArchitectureOf(
  className: string,
): { readonly name: string; readonly architecture: GgufArchitecture } | undefined {
  if (className === mixtral.className) return { name: "llama", architecture: mixtral };
  const wanted = className === "MistralForCausalLM" ? "LlamaForCausalLM" : className;
  const found = Object.entries(architectures).find(([, architecture]) => architecture.className === wanted);
  return found && { name: found[0], architecture: found[1] };
}

/** The classes whose files are written. */
export const writtenClasses: readonly string[] = [
  ...Object.values(architectures).map(({ className }) => className),
  "MistralForCausalLM",
  mixtral.className,
];
