/** How GGUF tells of an architecture what config.json and safetensors tell in other words. */
export interface GgufArchitecture {
  /** The class of transformers, by which models are found. */
  readonly className: string;
  readonly modelType: string;
  /** True: the rows of q and k are in the order of rotated pairs (pair-rows.ts). */
  readonly pairRows: boolean;
  /** Modules of a block whose tensors are not called as in `blockTensors`. */
  readonly blockTensors?: Readonly<Record<string, string>>;
}

/** By `general.architecture`. Mistral's and Mixtral's files say "llama". */
const architectures: Readonly<Record<string, GgufArchitecture>> = {
  llama: { className: "LlamaForCausalLM", modelType: "llama", pairRows: true },
  qwen2: { className: "Qwen2ForCausalLM", modelType: "qwen2", pairRows: false },
  qwen3: { className: "Qwen3ForCausalLM", modelType: "qwen3", pairRows: false },
  phi3: { className: "Phi3ForCausalLM", modelType: "phi3", pairRows: false },
};

/** The architecture of a name; undefined: no model of ours has it. */
export function ggufArchitecture(name: string): GgufArchitecture | undefined {
  return Object.hasOwn(architectures, name) ? architectures[name] : undefined;
}
