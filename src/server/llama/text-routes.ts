import { z } from "zod";
import type { LLM } from "../../llm/llm.ts";
import { ApiError } from "../api-error.ts";
import { chatMessages, messages } from "../openai/messages.ts";
import { toolFields, toolOptions } from "../openai/tool-fields.ts";

const model = z.string().nullish();

/** The body of llama-server's POST /tokenize. */
export const tokenizeRequest = z.object({
  model,
  content: z.string(),
  add_special: z.boolean().nullish(),
  with_pieces: z.boolean().nullish(),
});

export function tokenize(llm: LLM, _: string, request: z.infer<typeof tokenizeRequest>): Response {
  const ids = llm.tokenize(request.content, { addSpecial: request.add_special ?? false });
  return Response.json({
    tokens: request.with_pieces ? ids.map((id) => ({ id, piece: llm.detokenize([id]) })) : ids,
  });
}

/** The body of POST /detokenize. */
export const detokenizeRequest = z.object({ model, tokens: z.array(z.int().min(0)) });

export function detokenize(llm: LLM, _: string, request: z.infer<typeof detokenizeRequest>): Response {
  const wrong = request.tokens.findIndex((id) => id >= llm.info.vocabSize);
  if (wrong >= 0) {
    const message = `tokens[${wrong}] is ${request.tokens[wrong]}; it must be a token id, an integer from 0 to ${llm.info.vocabSize - 1}`;
    throw new ApiError(400, "invalid_request_error", message, { param: "tokens" });
  }
  return Response.json({ content: llm.detokenize(request.tokens) });
}

/** The body of POST /apply-template: a chat's. */
export const templateRequest = z.object({
  model,
  messages,
  ...toolFields,
  chat_template_kwargs: z.record(z.string(), z.unknown()).nullish(),
  add_generation_prompt: z.boolean().nullish(),
});

export async function applyTemplate(llm: LLM, _: string, request: z.infer<typeof templateRequest>): Promise<Response> {
  const prompt = await llm.promptOf(chatMessages(request.messages), {
    ...toolOptions(request),
    ...(request.chat_template_kwargs != null && { templateVariables: request.chat_template_kwargs }),
    ...(request.add_generation_prompt != null && { addGenerationPrompt: request.add_generation_prompt }),
  });
  return Response.json({ prompt });
}
