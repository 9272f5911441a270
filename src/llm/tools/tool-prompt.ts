import type { ChatMessage } from "../../text/chat-message.ts";
import { hermesFormat } from "../../text/tool-calls/tool-format.ts";
import type { Tool } from "./tool-options.ts";

const { begin, end } = hermesFormat;

/** A conversation for a template that knows of no tools: they stand in the system message, calls and results in the text of messages. */
export function withToolPrompt(messages: readonly ChatMessage[], tools: readonly Tool[]): readonly ChatMessage[] {
  const told = tools.length === 0 ? [] : [toolPrompt(tools)];
  const [first] = messages;
  const hasSystem = first?.role === "system";
  const system = [...(hasSystem && typeof first.content === "string" ? [first.content] : []), ...told].join("\n\n");
  const turns = (hasSystem ? messages.slice(1) : messages).map(asText);
  return system === "" ? turns : [{ role: "system", content: system }, ...turns];
}

function toolPrompt(tools: readonly Tool[]): string {
  const list = tools.map((tool) => JSON.stringify(tool.function)).join("\n");
  return (
    `You can call functions. These are there, each with a JSON schema of its arguments:\n${list}\n\n` +
    "To call a function, answer with its name and its arguments as JSON, like this:\n" +
    `${begin}\n{"name": "...", "arguments": {...}}\n${end}`
  );
}

function asText(message: ChatMessage): ChatMessage {
  const { role, content, tool_calls: calls } = message;
  if (role === "tool")
    return {
      role: "user",
      content: `<tool_response>\n${typeof content === "string" ? content : ""}\n</tool_response>`,
    };
  if (!Array.isArray(calls)) return message;
  const written = (calls as readonly Partial<Tool>[]).map((call) => {
    const { name, arguments: given } = (call.function ?? {}) as {
      readonly name?: unknown;
      readonly arguments?: unknown;
    };
    return `${begin}\n${JSON.stringify({ name, arguments: given })}\n${end}`;
  });
  return {
    role,
    content: [...(typeof content === "string" && content !== "" ? [content] : []), ...written].join("\n"),
  };
}
