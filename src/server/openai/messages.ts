import { z } from "zod";
import type { ChatMessage } from "../../text/chat-message.ts";
import { ApiError } from "../api-error.ts";

const part = z.looseObject({ type: z.string(), text: z.string().nullish() });

const toolCall = z.looseObject({
  id: z.string().nullish(),
  type: z.string().nullish(),
  function: z.looseObject({ name: z.string(), arguments: z.union([z.string(), z.record(z.string(), z.unknown())]) }),
});

/** A message of a conversation as OpenAI's API has it; further fields go to the chat template. */
export const message = z.looseObject({
  role: z.string(),
  content: z.union([z.string(), z.array(part)]).nullish(),
  tool_calls: z.array(toolCall).nullish(),
});

export const messages = z.array(message).min(1, "is empty; a chat needs at least one message");

export type Message = z.infer<typeof message>;

/**
 * Messages as chat templates read them: a content of parts is one text, and arguments are what their JSON says. Throws ApiError 400 for a
 * message without content, which only an assistant's may be.
 */
export function chatMessages(given: readonly Message[]): readonly ChatMessage[] {
  const empty = given.findIndex(({ role, content }) => content == null && role !== "assistant");
  if (empty >= 0) {
    const param = `messages.${empty}.content`;
    throw new ApiError(400, "invalid_request_error", `${param} is missing`, { param });
  }
  return given.map(({ role, content, tool_calls: toolCalls, ...rest }, index) => ({
    ...rest,
    role: role === "developer" ? "system" : role, // OpenAI's later name, which templates do not know
    ...(content != null && { content: typeof content === "string" ? content : joined(content, `messages.${index}`) }),
    ...(toolCalls != null && toolCalls.length > 0 && { tool_calls: toolCalls.map(withParsedArguments) }),
  }));
}

/** The parts' texts, one a line. Throws ApiError 400 for what is no text. */
export function joined(parts: readonly z.infer<typeof part>[], path: string): string {
  const texts = parts.map(({ type, text }, index) => {
    if (typeof text === "string" && /(^|_)text$/.test(type)) return text;
    const param = `${path}.content.${index}`;
    throw new ApiError(
      400,
      "invalid_request_error",
      `${param}: is of type ${type.slice(0, 40)}; the model reads texts only`,
      {
        param,
      },
    );
  });
  return texts.join("\n");
}

/** Templates write the arguments as JSON, which would quote a text once more. */
function withParsedArguments(call: z.infer<typeof toolCall>): object {
  const { arguments: given, ...rest } = call.function;
  return {
    ...call,
    type: "function",
    function: { ...rest, arguments: typeof given === "string" ? parsed(given) : given },
  };
}

function parsed(json: string): unknown {
  if (json.trim() === "") return {};
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return json; // a model's own slip, which it may be shown
  }
}
