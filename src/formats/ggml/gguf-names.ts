import type { SharedRows } from "./ggml-model.ts";
import type { GgufArchitecture } from "./gguf-architecture.ts";

/** What a file calls the modules outside of blocks. */
const modelTensors: Readonly<Record<string, string>> = {
  "model.embed_tokens": "token_embd",
  "model.norm": "output_norm",
  lm_head: "output",
  "model.final_layernorm": "output_norm", // Phi
  "gpt_neox.embed_in": "token_embd",
  "gpt_neox.final_layer_norm": "output_norm",
  embed_out: "output",
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
  "self_attn.sinks": "attn_sinks",
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
  const { index, rest } = inBlock(module) ?? {};
  if (rest === undefined) return undefined;
  const names = { ...blockTensors, ...architecture.blockTensors };
  return Object.hasOwn(names, rest) ? `blk.${index}.${names[rest]}` : undefined;
}

/**
 * The rows of q, k or v in the tensor that may hold all three, one after the other; undefined: the module is none of them. Some
 * architectures have it always, and others in files of early converters.
 */
export function ggufSharedRows(module: string, { heads, kvHeads, headDim }: Heads): SharedRows | undefined {
  const { index, rest } = inBlock(module) ?? {};
  const [q, kv] = [heads * headDim, kvHeads * headDim];
  const tensor = `blk.${index}.attn_qkv`;
  switch (rest) {
    case "self_attn.q_proj":
      return { tensor, start: 0, end: q };
    case "self_attn.k_proj":
      return { tensor, start: q, end: q + kv };
    case "self_attn.v_proj":
      return { tensor, start: q + kv, end: q + 2 * kv };
    default:
      return undefined;
  }
}

export interface Heads {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

function inBlock(module: string): { readonly index: string; readonly rest: string } | undefined {
  const [, index, rest] = /^(?:model|gpt_neox)\.layers\.(\d+)\.(.+)$/.exec(module) ?? [];
  return rest === undefined ? undefined : { index, rest };
}
