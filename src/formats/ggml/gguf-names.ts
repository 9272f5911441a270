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
  "mlp.gate": "ffn_gate_inp",
  "block_sparse_moe.gate": "ffn_gate_inp",
  "mlp.shared_expert.gate_proj": "ffn_gate_shexp",
  "mlp.shared_expert.up_proj": "ffn_up_shexp",
  "mlp.shared_expert.down_proj": "ffn_down_shexp",
  "mlp.shared_expert_gate": "ffn_gate_inp_shexp",
};

/** The stacks of all experts' matrices, by what models call an expert's. */
const expertStacks: Readonly<Record<string, string>> = {
  gate_proj: "ffn_gate_exps",
  up_proj: "ffn_up_exps",
  down_proj: "ffn_down_exps",
  w1: "ffn_gate_exps",
  w3: "ffn_up_exps",
  w2: "ffn_down_exps",
};

/** The stack, without ".weight", that holds an expert's matrix, and its place there; undefined: the module is no expert's. */
export function ggufExpert(module: string): { readonly stack: string; readonly index: number } | undefined {
  const [, layer, index, part] = /^model\.layers\.(\d+)\..+\.experts\.(\d+)\.(\w+)$/.exec(module) ?? [];
  if (part === undefined || !Object.hasOwn(expertStacks, part)) return undefined;
  return { stack: `blk.${layer}.${expertStacks[part]}`, index: Number(index) };
}

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
