/** Dimensions of a model that people know, as its config.json names them. */
export interface ModelShape {
  readonly architectures: readonly [string];
  readonly model_type: string;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  readonly vocab_size: number;
  readonly tie_word_embeddings: boolean;
  readonly rope_theta: number;
  readonly max_position_embeddings: number;
  readonly rms_norm_eps: number;
}

const llama = { architectures: ["LlamaForCausalLM"], model_type: "llama", rms_norm_eps: 1e-5 } as const;
const qwen2 = { architectures: ["Qwen2ForCausalLM"], model_type: "qwen2", rms_norm_eps: 1e-6 } as const;

export const shapes = {
  "smollm2-135m": {
    ...llama,
    hidden_size: 576,
    intermediate_size: 1536,
    num_hidden_layers: 30,
    num_attention_heads: 9,
    num_key_value_heads: 3,
    head_dim: 64,
    vocab_size: 49_152,
    tie_word_embeddings: true,
    rope_theta: 100_000,
    max_position_embeddings: 8192,
  },
  "qwen2-0.5b": {
    ...qwen2,
    hidden_size: 896,
    intermediate_size: 4864,
    num_hidden_layers: 24,
    num_attention_heads: 14,
    num_key_value_heads: 2,
    head_dim: 64,
    vocab_size: 151_936,
    tie_word_embeddings: true,
    rope_theta: 1_000_000,
    max_position_embeddings: 32_768,
  },
  "qwen2-1.5b": {
    ...qwen2,
    hidden_size: 1536,
    intermediate_size: 8960,
    num_hidden_layers: 28,
    num_attention_heads: 12,
    num_key_value_heads: 2,
    head_dim: 128,
    vocab_size: 151_936,
    tie_word_embeddings: true,
    rope_theta: 1_000_000,
    max_position_embeddings: 32_768,
  },
  "llama3-8b": {
    ...llama,
    hidden_size: 4096,
    intermediate_size: 14_336,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    head_dim: 128,
    vocab_size: 128_256,
    tie_word_embeddings: false,
    rope_theta: 500_000,
    // The model's own is 8192; a bench may read as many and write on.
    max_position_embeddings: 16_384,
  },
} as const satisfies Readonly<Record<string, ModelShape>>;

export type ShapeName = keyof typeof shapes;
export const shapeNames = Object.keys(shapes) as readonly ShapeName[];
