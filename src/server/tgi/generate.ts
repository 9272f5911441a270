import { z } from "zod";
import type { GenerateOptions } from "../../llm/generation-options.ts";
import type { Generation, GenerationResult, TokenEvent } from "../../llm/generation.ts";
import type { LLM } from "../../llm/llm.ts";
import { ApiError } from "../api-error.ts";
import type { OptionFields } from "../option-fields.ts";
import { eventStream, plainEvents } from "../event-stream.ts";
import { tgiError } from "./tgi-error.ts";

/** The body of POST /generate and /generate_stream, as Text Generation Inference has them. */
export const generateRequest = z.object({
  model: z.string().nullish(),
  inputs: z.string().min(1),
  stream: z.boolean().nullish(),
  parameters: z
    .object({
      max_new_tokens: z.int().min(1).nullish(),
      do_sample: z.boolean().nullish(),
      temperature: z.number().nullish(),
      top_k: z.int().nullish(),
      top_p: z.number().nullish(),
      typical_p: z.number().nullish(),
      repetition_penalty: z.number().nullish(),
      frequency_penalty: z.number().nullish(),
      seed: z.int().nullish(),
      stop: z.array(z.string().min(1)).max(64).nullish(),
      return_full_text: z.boolean().nullish(),
      details: z.boolean().nullish(),
      best_of: z.int().nullish(),
      top_n_tokens: z.int().nullish(),
      truncate: z.int().nullish(),
      watermark: z.boolean().nullish(),
      decoder_input_details: z.boolean().nullish(),
      grammar: z
        .union([
          z.object({ type: z.literal("regex"), value: z.string() }),
          z.object({ type: z.enum(["json", "json_schema"]), value: z.looseObject({}) }),
        ])
        .nullish(),
    })
    .nullish(),
});
export type GenerateRequest = z.infer<typeof generateRequest>;

export const generateFields: OptionFields = {
  promptIds: "inputs",
  maxTokens: "parameters.max_new_tokens",
  temperature: "parameters.temperature",
  topK: "parameters.top_k",
  topP: "parameters.top_p",
  typicalP: "parameters.typical_p",
  repetitionPenalty: "parameters.repetition_penalty",
  frequencyPenalty: "parameters.frequency_penalty",
  seed: "parameters.seed",
  stop: "parameters.stop",
  ...{ regex: "parameters.grammar", jsonSchema: "parameters.grammar" },
};

/** TGI's. */
const defaultMaxTokens = 100;

/** Continues a text; `signal` fires when the client has gone. */
export async function generate(llm: LLM, _: string, request: GenerateRequest, signal: AbortSignal): Promise<Response> {
  return Response.json(await whole(llm, request, signal));
}

/** POST /, where the clients of Hugging Face ask: a list of the one answer, or a stream. */
export async function generateAtRoot(
  llm: LLM,
  _: string,
  request: GenerateRequest,
  signal: AbortSignal,
): Promise<Response> {
  return request.stream ? generateStream(llm, _, request, signal) : Response.json([await whole(llm, request, signal)]);
}

/** As `generate`, token by token. */
export async function generateStream(
  llm: LLM,
  _: string,
  request: GenerateRequest,
  signal: AbortSignal,
): Promise<Response> {
  const gone = new AbortController();
  const answer = llm.generate(request.inputs, options(request, AbortSignal.any([signal, gone.signal])));
  await answer.accepted;
  const format = { ...plainEvents, error: (error: unknown) => tgiError(error).body, end: "" };
  return eventStream(events(llm, request, answer), () => gone.abort(), format);
}

async function whole(llm: LLM, request: GenerateRequest, signal: AbortSignal): Promise<object> {
  const { inputs, parameters } = request;
  const result = await llm.generate(inputs, options(request, signal)).result;
  return {
    generated_text: (parameters?.return_full_text ? inputs : "") + (result.text ?? ""),
    ...(parameters?.details && { details: { ...details(result, llm), prefill: [], tokens: tokensOf(llm, result) } }),
  };
}

/** Throws ApiError 400 for what would change the answer and is not there; its default may be said. */
function refuse({ parameters }: GenerateRequest): void {
  const { best_of: best = 1, top_n_tokens: top, truncate, watermark, decoder_input_details: input } = parameters ?? {};
  const asked = { best_of: (best ?? 1) > 1, top_n_tokens: top, truncate, watermark, decoder_input_details: input };
  const name = Object.entries(asked).find(([, value]) => value)?.[0];
  if (name === undefined) return;
  const param = `parameters.${name}`;
  throw new ApiError(400, "invalid_request_error", `${param} is not known here; leave it out`, { param });
}

/** Without a temperature or do_sample the likeliest tokens are taken. */
function options(request: GenerateRequest, signal: AbortSignal): GenerateOptions {
  refuse(request);
  const { parameters } = request;
  const { do_sample: samples, temperature, seed, grammar } = parameters ?? {};
  return {
    maxTokens: parameters?.max_new_tokens ?? defaultMaxTokens,
    temperature: temperature ?? (samples ? 1 : 0),
    topK: parameters?.top_k ?? 0,
    topP: parameters?.top_p ?? 1,
    typicalP: parameters?.typical_p ?? undefined,
    repetitionPenalty: parameters?.repetition_penalty ?? undefined,
    frequencyPenalty: parameters?.frequency_penalty ?? undefined,
    seed: seed ?? undefined,
    stop: parameters?.stop ?? undefined,
    logprobs: true,
    signal,
    ...(grammar != null && (grammar.type === "regex" ? { regex: grammar.value } : { jsonSchema: grammar.value })),
  };
}

async function* events(llm: LLM, request: GenerateRequest, answer: Generation): AsyncGenerator<object> {
  let index = 0;
  let last: object | undefined;
  for await (const event of answer) {
    if (event.type !== "token") continue;
    if (last !== undefined) yield last;
    last = { index: ++index, token: tokenBody(llm, event), generated_text: null, details: null };
  }
  const result = await answer.result;
  const full = (request.parameters?.return_full_text ? request.inputs : "") + (result.text ?? "");
  // The last token comes with the whole.
  yield { ...last, generated_text: full, details: { ...details(result, llm), input_length: result.promptIds.length } };
}

function details(result: GenerationResult, { info }: LLM): object {
  const endsTurn = info.endOfTurnIds.includes(result.ids.at(-1) ?? -1);
  const stopped = endsTurn ? "eos_token" : "stop_sequence";
  return {
    finish_reason: result.finishReason === "length" ? "length" : stopped,
    generated_tokens: result.ids.length,
    seed: result.seed,
  };
}

function tokensOf(llm: LLM, { logprobs = [] }: GenerationResult): readonly object[] {
  return logprobs.map((event) => tokenBody(llm, event));
}

function tokenBody({ tokenizer }: LLM, { id, logprob }: TokenEvent): object {
  return { id, text: tokenizer?.decode([id]) ?? "", logprob, special: tokenizer?.isSpecial(id) ?? false };
}
