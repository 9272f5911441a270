import { z } from "zod";
import type { Usage } from "../../llm/generation.ts";
import type { LLM } from "../../llm/llm.ts";
import type { AnswerFinishReason, AnswerResult, ChatAnswer } from "../../llm/tools/chat-answer.ts";
import { blockEvents, blocksOf, type AnswerBlock } from "../answer-blocks.ts";
import { eventStream, namedEvents } from "../event-stream.ts";
import type { OptionFields } from "../option-fields.ts";
import { randomId } from "../random-id.ts";
import { anthropicErrorBody } from "./error-body.ts";
import { conversation, messageFields, messageTools } from "./message-fields.ts";

/** The body of POST /v1/messages. */
export const messagesRequest = z.object({
  ...messageFields,
  max_tokens: z.int().min(1),
  stop_sequences: z.array(z.string().min(1)).max(64).nullish(),
  temperature: z.number().nullish(),
  top_p: z.number().nullish(),
  top_k: z.int().nullish(),
  stream: z.boolean().nullish(),
});
export type MessagesRequest = z.infer<typeof messagesRequest>;

export const messagesFields: OptionFields = { promptIds: "messages", stop: "stop_sequences" };

/** The body of POST /v1/messages/count_tokens. */
export const countRequest = z.object(messageFields);

export async function countTokens(llm: LLM, _: string, request: z.infer<typeof countRequest>): Promise<Response> {
  return Response.json({ input_tokens: await llm.countTokens(conversation(request), messageTools(request)) });
}

/** Answers as Anthropic's Messages API; `signal` fires when the client has gone. */
export async function createMessage(
  llm: LLM,
  model: string,
  request: MessagesRequest,
  signal: AbortSignal,
): Promise<Response> {
  const gone = new AbortController();
  const answer = llm.respond(conversation(request), {
    ...messageTools(request),
    maxTokens: request.max_tokens,
    stop: request.stop_sequences ?? undefined,
    temperature: request.temperature ?? undefined,
    topP: request.top_p ?? undefined,
    topK: request.top_k ?? undefined,
    signal: AbortSignal.any([signal, gone.signal]),
  });
  const head = { id: `msg_${randomId()}`, type: "message", role: "assistant", model };
  if (!request.stream) return Response.json(messageBody(head, await answer.result));
  await answer.accepted;
  const promptTokens = await llm.countTokens(conversation(request), messageTools(request));
  return eventStream(events(head, promptTokens, answer), () => gone.abort(), {
    ...namedEvents,
    error: anthropicErrorBody,
  });
}

function messageBody(head: object, result: AnswerResult): object {
  return {
    ...head,
    content: blocksOf(result).map(([block, text]) => contentBlock(block, text)),
    ...ending(result.finishReason, result.stop),
    usage: usageBody(result.usage),
  };
}

async function* events(head: object, promptTokens: number, answer: ChatAnswer): AsyncGenerator<object> {
  // What of the prompt need not be computed again is not known yet.
  const usage = usageBody({ promptTokens, cachedTokens: 0, completionTokens: 0 });
  const message = { ...head, content: [], stop_reason: null, stop_sequence: null, usage };
  yield { type: "message_start", message };
  for await (const event of blockEvents(answer)) {
    if (event.type === "finished") {
      const { stop } = await answer.result;
      const { finishReason, usage } = event.event;
      // The counts are those of the whole message, as clients take them.
      yield { type: "message_delta", delta: ending(finishReason, stop), usage: usageBody(usage) };
    } else if (event.type === "open")
      yield { type: "content_block_start", index: event.index, content_block: contentBlock(event.block, "") };
    else if (event.type === "close") yield { type: "content_block_stop", index: event.index };
    else yield { type: "content_block_delta", index: event.index, delta: delta(event.block, event.text) };
  }
  yield { type: "message_stop" };
}

function contentBlock(block: AnswerBlock, text: string): object {
  if (block.kind === "call") return { type: "tool_use", id: block.id, name: block.name, input: inputOf(text) };
  return block.kind === "text" ? { type: "text", text } : { type: "thinking", thinking: text, signature: "" };
}

/** An answer that was cut off may have ended in the middle of it. */
function inputOf(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return {};
  }
}

function delta({ kind }: AnswerBlock, text: string): object {
  if (kind === "text") return { type: "text_delta", text };
  return kind === "reasoning"
    ? { type: "thinking_delta", thinking: text }
    : { type: "input_json_delta", partial_json: text };
}

function ending(reason: AnswerFinishReason, stop: string | undefined): object {
  const ended = stop === undefined ? "end_turn" : "stop_sequence";
  return {
    stop_reason: reason === "length" ? "max_tokens" : reason === "tool-calls" ? "tool_use" : ended,
    stop_sequence: stop ?? null,
  };
}

/** What was not computed again is counted by itself. */
function usageBody({ promptTokens, cachedTokens, completionTokens }: Usage): object {
  return {
    input_tokens: promptTokens - cachedTokens,
    cache_read_input_tokens: cachedTokens,
    cache_creation_input_tokens: 0,
    output_tokens: completionTokens,
  };
}
