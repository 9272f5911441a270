import type { GgufArchitecture } from "./gguf-architecture.ts";

/** What a file calls the modules outside of blocks. */
const modelTensors: Readonly<Record<string, string>> = {
  "model.embed_tokens": "token_embd",
  "model.norm": "output_norm",
  lm_head: "output",
};

/** What it calls those of a block, in most architectures. */
const blockTensors: Readonly<Record<string, string>> = {
  input_layernorm: "attn_norm",
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.qkv_proj": "attn_qkv",
  "self_attn.q_norm": "attn_q_norm",
  "self_attn.k_norm": "attn_k_norm",
  "self_attn.o_proj": "attn_output",
  post_attention_layernorm: "ffn_norm",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.gate_up_proj": "ffn_up", // Phi-3: twice as many rows, those of the gate first
  "mlp.down_proj": "ffn_down",
};

/**
 * The tensor, without ".weight" or ".bias", that holds a module of the model; undefined: GGUF has no name for it.
 * "model.layers.3.self_attn.q_proj" is "blk.3.attn_q".
 */
export function ggufName(module: string, architecture: GgufArchitecture): string | undefined {
  if (Object.hasOwn(modelTensors, module)) return modelTensors[module];
  const [, index, rest] = /^model\.layers\.(\d+)\.(.+)$/.exec(module) ?? [];
  if (index === undefined || rest === undefined) return undefined;
  const names = { ...blockTensors, ...architecture.blockTensors };
  return Object.hasOwn(names, rest) ? `blk.${index}.${names[rest]}` : undefined;
}
