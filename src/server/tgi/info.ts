import type { LLM } from "../../llm/llm.ts";
import { version } from "../../util/version.ts";

/** GET /info, as Text Generation Inference has it. */
export function tgiInfo({ name, llm }: { readonly name: string; readonly llm: LLM }, maxRequests: number): object {
  const { contextLength, format, device } = llm.info;
  return {
    model_id: name,
    model_sha: null,
    model_pipeline_tag: "text-generation",
    model_dtype: format,
    model_device_type: device.backend,
    max_concurrent_requests: maxRequests,
    max_best_of: 1,
    max_stop_sequences: 64,
    max_input_tokens: contextLength - 1,
    max_total_tokens: contextLength,
    validation_workers: 1,
    max_client_batch_size: 1,
    router: "fewbit",
    version,
    sha: null,
    docker_label: null,
  };
}
