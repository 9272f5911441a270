import { z } from "zod";
import { longestStop, mostStops, type GenerateOptions } from "../../llm/generation-options.ts";
import { formFields, formOptions } from "./form-fields.ts";
import { ApiError } from "../api-error.ts";
import type { OptionFields } from "../option-fields.ts";

const stopText = z.string().min(1).max(longestStop);

/** Every step copies them to the device. */
const mostBiases = 1024;

/** OpenAI's names, and those that vLLM and llama-server have added. Ranges that are not here are checked where the numbers are used. */
export const samplingFields = {
  temperature: z.number().nullish(),
  top_p: z.number().nullish(),
  top_k: z.int().nullish(),
  min_p: z.number().nullish(),
  typical_p: z.number().nullish(),
  repetition_penalty: z.number().nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  seed: z.int().nullish(),
  logit_bias: z
    .record(z.string().regex(/^\d{1,10}$/, "keys are token ids"), z.number().min(-100).max(100))
    .refine((biases) => Object.keys(biases).length <= mostBiases, `holds more than ${mostBiases} tokens`)
    .nullish(),
  max_tokens: z.int().min(1).nullish(),
  min_tokens: z.int().min(0).nullish(),
  stop: z.union([stopText, z.array(stopText).max(mostStops)]).nullish(),
  stop_token_ids: z.array(z.int().min(0)).max(mostStops).nullish(),
  ignore_eos: z.boolean().nullish(),
  skip_special_tokens: z.boolean().nullish(),
  cache_salt: z.string().nullish(),
  priority: z.int().nullish(),
  ...formFields,
  n: z.int().min(1).max(128).nullish(),
  best_of: z.int().nullish(),
  model: z.string().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  user: z.string().nullish(),
};

const forms = ["guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs"] as const;
const form = [...forms, "json_schema", "grammar", "response_format"] as const;

/** What the facade's options are called here. */
export const samplingOptionFields: OptionFields = {
  stopIds: "stop_token_ids",
  skipSpecial: "skip_special_tokens",
  templateVariables: "chat_template_kwargs",
  ...{ responseFormat: form, jsonSchema: form, regex: form, grammar: form },
};

type SamplingFields = z.infer<z.ZodObject<typeof samplingFields>>;

/** The options of answer `index` of `n`: with a seed, each has one of its own. Throws ApiError 400 for what cannot be done. */
export function generateOptions(fields: SamplingFields, index: number): GenerateOptions {
  const { seed, top_k: topK, n, best_of: bestOf } = fields;
  if (bestOf != null && bestOf !== (n ?? 1))
    throw new ApiError(400, "invalid_request_error", "best_of: answers are not judged; ask for n of them and choose", {
      param: "best_of",
    });
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
    minTokens: fields.min_tokens ?? undefined,
    stop: fields.stop ?? undefined,
    stopIds: fields.stop_token_ids ?? undefined,
    ignoreEos: fields.ignore_eos ?? undefined,
    skipSpecial: fields.skip_special_tokens ?? undefined,
    cacheSalt: fields.cache_salt ?? undefined,
    priority: fields.priority ?? undefined,
    ...formOptions(fields),
  };
}
