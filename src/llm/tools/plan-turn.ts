import type { ChatMessage } from "../../text/chat-message.ts";
import type { AnswerParserOptions } from "../../text/tool-calls/answer-parser.ts";
import { hasReasoning, hermesFormat, thinkBegin, thinkEnd, toolFormatOf } from "../../text/tool-calls/tool-format.ts";
import type { ToolFormat } from "../../text/tool-calls/tool-format.ts";
import type { ChatOptions } from "../generation-options.ts";
import { offeredTools, type RespondOptions } from "./tool-options.ts";
import { withToolPrompt } from "./tool-prompt.ts";

/** How a conversation with tools is put to a model, and its answer read. */
export interface Turn {
  readonly messages: readonly ChatMessage[];
  readonly options: ChatOptions;
  /** By the prompt, which may have begun the reasoning. */
  readonly parserOptions: (prompt: string) => AnswerParserOptions;
}

/**
 * `templateOf` gives the source of the chat template for conversations with tools, and without. Throws RequestError for tools that are
 * none, and for a choice that cannot be.
 */
export function planTurn(
  messages: readonly ChatMessage[],
  options: RespondOptions,
  templateOf: (withTools: boolean) => string,
): Turn {
  const { tools: _, toolChoice: __, parallelToolCalls: ___, ...chat } = options;
  const tools = offeredTools(options);
  const hasCalls = messages.some(({ role, tool_calls: calls }) => role === "tool" || calls != null);
  const template = templateOf(tools.length > 0);
  const known = toolFormatOf(template);
  const reasons = hasReasoning(template);
  const format: ToolFormat | undefined = tools.length === 0 ? undefined : (known ?? hermesFormat);
  const isToldInText = known === undefined && (tools.length > 0 || hasCalls);
  return {
    messages: isToldInText ? withToolPrompt(messages, tools) : messages,
    options: {
      ...chat,
      ...(tools.length > 0 && !isToldInText && { tools }),
      keepSpecial: [...marksOf(format), ...(reasons ? [thinkBegin, thinkEnd] : [])],
    },
    parserOptions: (prompt) => ({
      format,
      toolNames: tools.map((tool) => tool.function.name),
      reasoning: !reasons ? "none" : prompt.trimEnd().endsWith(thinkBegin) ? "open" : "possible",
    }),
  };
}

function marksOf(format: ToolFormat | undefined): readonly string[] {
  if (format === undefined) return [];
  const { begin, end, name } = format;
  return [begin, ...(end === undefined ? [] : [end]), ...(name === "mistral" ? ["[ARGS]", "[CALL_ID]"] : [])];
}
