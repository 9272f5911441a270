import type { LLM } from "../../llm/llm.ts";

/** An entry of /v1/models: OpenAI's fields, vLLM's `max_model_len`, and what our page and people with curl want to know, under `meta`. */
export function modelBody({ name, llm }: { readonly name: string; readonly llm: LLM }, created: number): object {
  const { architecture, format, vocabSize, contextLength, device } = llm.info;
  const { backend, description, weightBytes } = device;
  return {
    id: name,
    object: "model",
    created,
    owned_by: "fewbit",
    max_model_len: contextLength,
    meta: {
      architecture,
      format,
      context_length: contextLength,
      vocab_size: vocabSize,
      weight_bytes: weightBytes,
      backend,
      device: description,
    },
  };
}
