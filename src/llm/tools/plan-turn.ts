import type { ChatMessage } from "../../text/chat-message.ts";
import type { AnswerParserOptions } from "../../text/tool-calls/answer-parser.ts";
import { harmonyMarks } from "../../text/tool-calls/marks.ts";
import {
  hasChannels,
  hasReasoning,
  hermesFormat,
  thinkBegin,
  thinkEnd,
  toolFormatOf,
} from "../../text/tool-calls/tool-format.ts";
import type { ToolFormat } from "../../text/tool-calls/tool-format.ts";
import type { GrammarSpec } from "../../text/grammar/grammar-spec.ts";
import { toolGrammar } from "./tool-grammar.ts";
import type { ChatOptions } from "../generation-options.ts";
import { isTextOf, offeredTools, type RespondOptions } from "./tool-options.ts";
import { withToolPrompt } from "./tool-prompt.ts";

/** How a conversation with tools is put to a model, and its answer read. */
export interface Turn {
  readonly messages: readonly ChatMessage[];
  readonly options: ChatOptions;
  /** What the answer is held to; undefined: it may be anything. By the prompt, too. */
  readonly grammar: (prompt: string) => GrammarSpec | undefined;
  /** By the prompt, which may have begun the reasoning. */
  readonly parserOptions: (prompt: string) => AnswerParserOptions;
}

export interface TurnParts {
  /** The source of the chat template for conversations with tools, and without. */
  readonly templateOf: (withTools: boolean) => string;
  /** Whether a text is a special token. */
  readonly isSpecial: (text: string) => boolean;
}

/**
 * Throws RequestError for tools that are
 * none, and for a choice that cannot be.
 */
export function planTurn(
  messages: readonly ChatMessage[],
  options: RespondOptions,
  { templateOf, isSpecial }: TurnParts,
): Turn {
  const { tools: _, toolChoice = "auto", parallelToolCalls = true, ...chat } = options;
  const tools = offeredTools(options);
  const hasCalls = messages.some(({ role, tool_calls: calls }) => role === "tool" || calls != null);
  const template = templateOf(tools.length > 0);
  const known = toolFormatOf(template);
  const reasons = hasReasoning(template);
  const channels = hasChannels(template);
  const format: ToolFormat | undefined = tools.length === 0 ? undefined : (known ?? hermesFormat);
  const called =
    typeof toolChoice === "object" ? tools.filter((tool) => tool.function.name === toolChoice.name) : tools;
  const isCallNeeded = toolChoice === "required" || typeof toolChoice === "object";
  const reasoningAt = (prompt: string): "none" | "possible" | "open" =>
    !reasons ? "none" : prompt.trimEnd().endsWith(thinkBegin) ? "open" : "possible";
  const isToldInText = known === undefined && (tools.length > 0 || hasCalls);
  return {
    messages: isToldInText ? withToolPrompt(messages, tools) : messages,
    options: {
      ...chat,
      ...(tools.length > 0 && !isToldInText && { tools }),
      keepSpecial: [
        ...(channels ? Object.values(harmonyMarks) : marksOf(format)),
        ...(reasons ? [thinkBegin, thinkEnd] : []),
      ],
    },
    grammar: (prompt) =>
      isCallNeeded && format !== undefined
        ? toolGrammar({
            format,
            tools: called,
            isParallel: parallelToolCalls && toolChoice === "required",
            reasoning: reasoningAt(prompt),
            isSpecial,
          })
        : undefined,
    parserOptions: (prompt) => ({
      format,
      toolNames: tools.map((tool) => tool.function.name),
      isText: (name, parameter) =>
        isTextOf(
          tools.find((tool) => tool.function.name === name),
          parameter,
        ),
      reasoning: reasoningAt(prompt),
      hasChannels: channels,
    }),
  };
}

function marksOf(format: ToolFormat | undefined): readonly string[] {
  if (format === undefined) return [];
  const { begin, end, name } = format;
  return [begin, ...(end === undefined ? [] : [end]), ...(name === "mistral" ? ["[ARGS]", "[CALL_ID]"] : [])];
}
