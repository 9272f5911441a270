import { z } from "zod";
import type { GenerateOptions } from "../../llm/generation-options.ts";

/** OpenAI's names, and those that vLLM and llama-server have added. Ranges are checked where the numbers are used. */
export const samplingFields = {
  temperature: z.number().nullish(),
  top_p: z.number().nullish(),
  top_k: z.number().nullish(),
  min_p: z.number().nullish(),
  typical_p: z.number().nullish(),
  repetition_penalty: z.number().nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  seed: z.int().nullish(),
  logit_bias: z.record(z.string(), z.number().min(-100).max(100)).nullish(),
  max_tokens: z.int().min(1).nullish(),
  stop: z.union([z.string(), z.array(z.string())]).nullish(),
  ignore_eos: z.boolean().nullish(),
  cache_salt: z.string().nullish(),
  n: z.int().min(1).max(16).nullish(),
  model: z.string().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  user: z.string().nullish(),
};

type SamplingFields = z.infer<z.ZodObject<typeof samplingFields>>;

/** The options of answer `index` of `n`: with a seed, each has one of its own. */
export function generateOptions(fields: SamplingFields, index: number): GenerateOptions {
  const { seed, top_k: topK } = fields;
  return {
    temperature: fields.temperature ?? undefined,
    topP: fields.top_p ?? undefined,
    topK: topK === -1 ? 0 : (topK ?? undefined), // vLLM's "off"
    minP: fields.min_p ?? undefined,
    typicalP: fields.typical_p ?? undefined,
    repetitionPenalty: fields.repetition_penalty ?? undefined,
    presencePenalty: fields.presence_penalty ?? undefined,
    frequencyPenalty: fields.frequency_penalty ?? undefined,
    seed: typeof seed === "number" ? seed + index : undefined,
    logitBias: fields.logit_bias
      ? Object.entries(fields.logit_bias).map(([id, bias]) => [Number(id), bias] as const)
      : undefined,
    maxTokens: fields.max_tokens ?? undefined,
    stop: fields.stop ?? undefined,
    ignoreEos: fields.ignore_eos ?? undefined,
    cacheSalt: fields.cache_salt ?? undefined,
  };
}
