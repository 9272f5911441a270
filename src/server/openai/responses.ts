import { z } from "zod";
import type { Usage } from "../../llm/generation.ts";
import type { LLM } from "../../llm/llm.ts";
import type { AnswerFinishReason, ChatAnswer } from "../../llm/tools/chat-answer.ts";
import type { RespondOptions } from "../../llm/tools/tool-options.ts";
import type { ChatMessage } from "../../text/chat-message.ts";
import { blockEvents, blocksOf, type AnswerBlock } from "../answer-blocks.ts";
import { ApiError, apiErrorOf } from "../api-error.ts";
import { eventStream, namedEvents } from "../event-stream.ts";
import type { OptionFields } from "../option-fields.ts";
import { randomId } from "../random-id.ts";
import { formOptions } from "./form-fields.ts";
import { chatMessages, joined, type Message } from "./messages.ts";
import { parametersSchema, toolOf } from "./tool-fields.ts";

const content = z.union([z.string(), z.array(z.looseObject({ type: z.string(), text: z.string().nullish() }))]);

const item = z.union([
  z.object({ type: z.literal("function_call"), call_id: z.string(), name: z.string(), arguments: z.string() }),
  z.object({ type: z.literal("function_call_output"), call_id: z.string(), output: content }),
  z.object({ type: z.literal("reasoning") }),
  z.object({ type: z.literal("message").nullish(), role: z.string(), content }),
]);

/** The body of POST /v1/responses. Nothing is stored, so there is no previous response to go on from. */
export const responseRequest = z.object({
  model: z.string().nullish(),
  input: z.union([z.string(), z.array(item).min(1)]),
  instructions: z.string().nullish(),
  max_output_tokens: z.int().min(1).nullish(),
  temperature: z.number().nullish(),
  top_p: z.number().nullish(),
  stream: z.boolean().nullish(),
  previous_response_id: z.string().nullish(),
  background: z.boolean().nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  tools: z
    .array(
      z.object({
        type: z.literal("function"),
        name: z.string(),
        description: z.string().nullish(),
        parameters: parametersSchema.nullish(),
        strict: z.boolean().nullish(),
      }),
    )
    .max(128)
    .nullish(),
  tool_choice: z
    .union([z.enum(["none", "auto", "required"]), z.object({ type: z.literal("function"), name: z.string() })])
    .nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  text: z
    .object({
      format: z
        .discriminatedUnion("type", [
          z.object({ type: z.enum(["text", "json_object"]) }),
          z.object({ type: z.literal("json_schema"), schema: z.looseObject({}) }),
        ])
        .nullish(),
    })
    .nullish(),
});
export type ResponseRequest = z.infer<typeof responseRequest>;

export const responseFields: OptionFields = {
  promptIds: "input",
  maxTokens: "max_output_tokens",
  ...{ responseFormat: "text.format", jsonSchema: "text.format" },
};

/** Answers as OpenAI's Responses API; `signal` fires when the client has gone. */
export async function createResponse(
  llm: LLM,
  model: string,
  request: ResponseRequest,
  signal: AbortSignal,
): Promise<Response> {
  for (const param of ["previous_response_id", "background"] as const)
    if (request[param])
      throw new ApiError(
        400,
        "invalid_request_error",
        `${param}: responses are not stored; send the whole conversation`,
        {
          param,
        },
      );
  const gone = new AbortController();
  const answer = llm.respond(conversation(request), {
    ...respondOptions(request),
    signal: AbortSignal.any([signal, gone.signal]),
  });
  const head = headOf(model, request);
  if (!request.stream) {
    const result = await answer.result;
    const output = blocksOf(result).map(([block, text], index) => outputItem(block, text, itemId(head.id, index)));
    return Response.json({ ...head, ...ending(result.finishReason), output, usage: usageBody(result.usage) });
  }
  await answer.accepted;
  return eventStream(events(head, answer), () => gone.abort(), {
    ...namedEvents,
    error: (error) => {
      const { code, message } = apiErrorOf(error).body.error;
      return { type: "error", code, message, param: null };
    },
  });
}

function conversation({ input, instructions }: ResponseRequest): readonly ChatMessage[] {
  const items = typeof input === "string" ? [{ type: "message" as const, role: "user", content: input }] : input;
  const turns = items.flatMap((each, i): readonly Message[] => {
    switch (each.type) {
      case "reasoning":
        return []; // what a client is given is empty
      case "function_call": {
        const call = { id: each.call_id, function: { name: each.name, arguments: each.arguments } };
        return [{ role: "assistant", tool_calls: [call] }];
      }
      case "function_call_output": {
        const { output, call_id: id } = each;
        return [
          {
            role: "tool",
            tool_call_id: id,
            content: typeof output === "string" ? output : joined(output, `input.${i}`),
          },
        ];
      }
      default:
        return [
          {
            role: each.role,
            content: typeof each.content === "string" ? each.content : joined(each.content, `input.${i}`),
          },
        ];
    }
  });
  return chatMessages([...(instructions ? [{ role: "system", content: instructions }] : []), ...turns]);
}

function respondOptions(request: ResponseRequest): RespondOptions {
  const { tools, tool_choice: choice, parallel_tool_calls: parallel, text } = request;
  const { format } = text ?? {};
  return {
    maxTokens: request.max_output_tokens ?? undefined,
    temperature: request.temperature ?? undefined,
    topP: request.top_p ?? undefined,
    ...(tools != null && { tools: tools.map(toolOf) }),
    ...(choice != null && { toolChoice: choice }),
    ...(parallel != null && { parallelToolCalls: parallel }),
    ...formOptions({
      response_format:
        format?.type === "json_schema" ? { type: "json_schema", json_schema: { schema: format.schema } } : format,
    }),
  };
}

interface Head {
  readonly id: string;
}

/** What a response says of its request, whatever comes of it. */
function headOf(model: string, request: ResponseRequest): Head {
  const { instructions, max_output_tokens, temperature, top_p, tools, tool_choice, parallel_tool_calls, metadata } =
    request;
  return {
    ...{ id: `resp_${randomId()}`, object: "response", created_at: Math.floor(Date.now() / 1000), model, error: null },
    ...{ instructions: instructions ?? null, max_output_tokens: max_output_tokens ?? null, metadata: metadata ?? {} },
    ...{
      temperature: temperature ?? null,
      top_p: top_p ?? null,
      text: { format: request.text?.format ?? { type: "text" } },
    },
    ...{ tools: tools ?? [], tool_choice: tool_choice ?? "auto", parallel_tool_calls: parallel_tool_calls ?? true },
    ...{ previous_response_id: null, store: false, truncation: "disabled" },
  };
}

async function* events(head: Head, answer: ChatAnswer): AsyncGenerator<object> {
  let sequence = 0;
  const numbered = (type: string, rest: object): object => ({ type, sequence_number: sequence++, ...rest });
  const begun = { ...head, status: "in_progress", incomplete_details: null, output: [], usage: null };
  yield numbered("response.created", { response: begun });
  yield numbered("response.in_progress", { response: begun });
  const output: object[] = [];
  for await (const event of blockEvents(answer)) {
    if (event.type === "finished") {
      const { finishReason, usage } = event.event;
      const response = { ...head, ...ending(finishReason), output, usage: usageBody(usage) };
      yield numbered(finishReason === "length" ? "response.incomplete" : "response.completed", { response });
      return;
    }
    const { block, index } = event;
    const id = itemId(head.id, index);
    const where = { item_id: id, output_index: index };
    const isCall = block.kind === "call";
    const part = (text: string): object => ({ ...where, content_index: 0, part: contentPart(block, text) });
    const name = isCall
      ? "response.function_call_arguments"
      : `response.${block.kind === "text" ? "output_text" : "reasoning_text"}`;
    const rest = isCall ? where : { ...where, content_index: 0, ...(block.kind === "text" && { logprobs: [] }) };
    switch (event.type) {
      case "open":
        yield numbered("response.output_item.added", { output_index: index, item: outputItem(block, undefined, id) });
        if (!isCall) yield numbered("response.content_part.added", part(""));
        break;
      case "delta":
        yield numbered(`${name}.delta`, { ...rest, delta: event.text });
        break;
      case "close":
        yield numbered(`${name}.done`, {
          ...rest,
          ...(isCall ? { name: block.name, arguments: event.text } : { text: event.text }),
        });
        if (!isCall) yield numbered("response.content_part.done", part(event.text));
        output.push(outputItem(block, event.text, id));
        yield numbered("response.output_item.done", { output_index: index, item: output.at(-1) });
    }
  }
}

/** The same for every event of a block. */
function itemId(responseId: string, index: number): string {
  return `${responseId.replace("resp_", "item_")}_${index}`;
}

/** `text` undefined: it is only beginning. */
function outputItem(block: AnswerBlock, text: string | undefined, id: string): object {
  const status = text === undefined ? "in_progress" : "completed";
  if (block.kind === "call")
    return { type: "function_call", id, status, call_id: block.id, name: block.name, arguments: text ?? "" };
  const parts = text === undefined ? [] : [contentPart(block, text)];
  if (block.kind === "reasoning") return { type: "reasoning", id, status, summary: [], content: parts };
  return { type: "message", id, status, role: "assistant", content: parts };
}

function contentPart({ kind }: AnswerBlock, text: string): object {
  return kind === "text"
    ? { type: "output_text", text, annotations: [], logprobs: [] }
    : { type: "reasoning_text", text };
}

function ending(reason: AnswerFinishReason): object {
  const isCut = reason === "length";
  return {
    status: isCut ? "incomplete" : "completed",
    incomplete_details: isCut ? { reason: "max_output_tokens" } : null,
  };
}

function usageBody({ promptTokens, cachedTokens, completionTokens }: Usage): object {
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: cachedTokens },
    output_tokens: completionTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: promptTokens + completionTokens,
  };
}
