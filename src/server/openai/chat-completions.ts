import { z } from "zod";
import type { LLM } from "../../llm/llm.ts";
import type { AnswerEvent, AnswerResult, ChatAnswer } from "../../llm/tools/chat-answer.ts";
import type { RespondOptions } from "../../llm/tools/tool-options.ts";
import { ApiError } from "../api-error.ts";
import { eventStream } from "../event-stream.ts";
import type { OptionFields } from "../option-fields.ts";
import { mergeStreams } from "../merge-streams.ts";
import { randomId } from "../random-id.ts";
import { chatLogprob } from "./logprobs.ts";
import { chatMessages, messages } from "./messages.ts";
import { generateOptions, samplingFields, samplingOptionFields } from "./sampling-fields.ts";
import { systemFingerprint } from "./system-fingerprint.ts";
import { toolFields, toolOptions } from "./tool-fields.ts";
import { finishReasonBody, usageBody } from "./usage.ts";

/** The body of POST /v1/chat/completions. Fields that are not known are left aside, as everybody does. */
export const chatRequest = z.object({
  ...samplingFields,
  messages,
  max_completion_tokens: z.int().min(1).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  ...toolFields,
  chat_template_kwargs: z.record(z.string(), z.unknown()).nullish(),
  add_generation_prompt: z.boolean().nullish(),
  continue_final_message: z.boolean().nullish(),
});
export type ChatRequest = z.infer<typeof chatRequest>;

export const chatFields: OptionFields = {
  ...samplingOptionFields,
  promptIds: "messages",
  maxTokens: ["max_completion_tokens", "max_tokens"],
};

/** Answers a conversation; `signal` fires when the client has gone. */
export async function chatCompletions(
  llm: LLM,
  model: string,
  request: ChatRequest,
  signal: AbortSignal,
): Promise<Response> {
  if (request.top_logprobs != null && request.top_logprobs > 0 && request.logprobs !== true)
    throw new ApiError(400, "invalid_request_error", "top_logprobs: needs logprobs to be true", {
      param: "top_logprobs",
    });
  const gone = new AbortController();
  const options = chatOptions(request, AbortSignal.any([signal, gone.signal]));
  const conversation = chatMessages(request.messages);
  const answers = options.map((each) => llm.respond(conversation, each));
  const head = {
    id: `chatcmpl-${randomId()}`,
    created: Math.floor(Date.now() / 1000),
    model,
    system_fingerprint: systemFingerprint(llm),
  };
  if (!request.stream) return Response.json(await whole(llm, request, answers, head));
  // A request that is refused gets a status; afterwards it is too late for one.
  await Promise.all(answers.map((answer) => answer.accepted));
  return eventStream(chunks(llm, request, answers, head), () => gone.abort());
}

function chatOptions(request: ChatRequest, signal: AbortSignal): readonly RespondOptions[] {
  const maxTokens = request.max_completion_tokens ?? request.max_tokens ?? undefined;
  return Array.from({ length: request.n ?? 1 }, (_, index) => ({
    ...generateOptions(request, index),
    maxTokens,
    ...(request.logprobs === true && { topLogprobs: request.top_logprobs ?? 0 }),
    ...toolOptions(request),
    ...(request.chat_template_kwargs != null && { templateVariables: request.chat_template_kwargs }),
    ...(request.add_generation_prompt != null && { addGenerationPrompt: request.add_generation_prompt }),
    ...(request.continue_final_message != null && { continueFinalMessage: request.continue_final_message }),
    signal,
  }));
}

async function whole(llm: LLM, request: ChatRequest, answers: readonly ChatAnswer[], head: object): Promise<object> {
  const results = await Promise.all(answers.map(({ result }) => result));
  return {
    ...head,
    object: "chat.completion",
    choices: results.map((result, index) => ({
      index,
      message: messageBody(result),
      logprobs: request.logprobs ? { content: (result.logprobs ?? []).map((event) => chatLogprob(llm, event)) } : null,
      finish_reason: finishReasonBody(result.finishReason),
    })),
    usage: usageBody(
      results.map(({ usage }) => usage),
      answers.length,
    ),
  };
}

function messageBody({ text, reasoning, toolCalls }: AnswerResult): object {
  return {
    role: "assistant",
    content: toolCalls.length > 0 && text === "" ? null : text,
    refusal: null,
    ...(reasoning !== undefined && { reasoning_content: reasoning }),
    ...(toolCalls.length > 0 && {
      tool_calls: toolCalls.map(({ id, name, arguments: json }) => ({
        id,
        type: "function",
        function: { name, arguments: json },
      })),
    }),
  };
}

function deltaBody(event: Exclude<AnswerEvent, { type: "token" | "finished" }>): object {
  switch (event.type) {
    case "text":
      return { content: event.text };
    case "reasoning":
      return { reasoning_content: event.text };
    case "tool-call":
      return {
        tool_calls: [
          { index: event.index, id: event.id, type: "function", function: { name: event.name, arguments: "" } },
        ],
      };
    case "tool-arguments":
      return { tool_calls: [{ index: event.index, function: { arguments: event.text } }] };
  }
}

async function* chunks(
  llm: LLM,
  { logprobs, stream_options: streamOptions }: ChatRequest,
  answers: readonly ChatAnswer[],
  head: object,
): AsyncGenerator<object> {
  const wantsUsage = streamOptions?.include_usage === true;
  const chunk = (choices: readonly object[]): object => ({
    ...head,
    object: "chat.completion.chunk",
    choices,
    ...(wantsUsage && { usage: null }),
  });
  const choice = (index: number, delta: object, rest: object = {}): object =>
    chunk([{ index, delta, logprobs: null, finish_reason: null, ...rest }]);
  for (const index of answers.keys()) yield choice(index, { role: "assistant", content: "" });
  for await (const { index, value: event } of mergeStreams(answers)) {
    if (event.type === "finished") yield choice(index, {}, { finish_reason: finishReasonBody(event.finishReason) });
    else if (event.type !== "token") yield choice(index, deltaBody(event));
    else if (logprobs) yield choice(index, {}, { logprobs: { content: [chatLogprob(llm, event)] } });
  }
  if (!wantsUsage) return;
  const results = await Promise.all(answers.map(({ result }) => result));
  const usages = results.map(({ usage }) => usage);
  yield { ...chunk([]), usage: usageBody(usages, answers.length) };
}
