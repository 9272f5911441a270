import type { LLM } from "../../llm/llm.ts";

/** GET /props, as llama-server has it; the model's path is the server's own affair. */
export function llamaProps({ name, llm }: { readonly name: string; readonly llm: LLM }, models: number): object {
  return {
    default_generation_settings: { n_ctx: llm.info.contextLength },
    model_alias: name,
    model_path: name,
    chat_template: llm.chatTemplate ?? "",
    modalities: { vision: false, audio: false },
    models,
  };
}
