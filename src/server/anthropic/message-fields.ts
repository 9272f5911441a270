import { z } from "zod";
import type { ToolChoice } from "../../llm/tools/tool-options.ts";
import type { ChatMessage } from "../../text/chat-message.ts";
import { chatMessages, joined } from "../openai/messages.ts";
import { parametersSchema, toolOf } from "../openai/tool-fields.ts";

const block = z.looseObject({
  type: z.string(),
  text: z.string().nullish(),
  thinking: z.string().nullish(),
  id: z.string().nullish(),
  name: z.string().nullish(),
  input: z.record(z.string(), z.unknown()).nullish(),
  tool_use_id: z.string().nullish(),
  content: z.union([z.string(), z.array(z.looseObject({ type: z.string(), text: z.string().nullish() }))]).nullish(),
});
type Block = z.infer<typeof block>;

const text = z.union([z.string(), z.array(z.looseObject({ type: z.string(), text: z.string().nullish() }))]);

/** The fields of Anthropic's Messages API that make the prompt. */
export const messageFields = {
  model: z.string().nullish(),
  messages: z
    .array(z.object({ role: z.enum(["user", "assistant"]), content: z.union([z.string(), z.array(block)]) }))
    .min(1),
  system: text.nullish(),
  tools: z
    .array(z.object({ name: z.string(), description: z.string().nullish(), input_schema: parametersSchema.nullish() }))
    .max(128)
    .nullish(),
  tool_choice: z
    .discriminatedUnion("type", [
      z.object({ type: z.enum(["auto", "any"]), disable_parallel_tool_use: z.boolean().nullish() }),
      z.object({ type: z.literal("tool"), name: z.string(), disable_parallel_tool_use: z.boolean().nullish() }),
      z.object({ type: z.literal("none") }),
    ])
    .nullish(),
};
type MessageFields = z.infer<z.ZodObject<typeof messageFields>>;

/** The conversation in OpenAI's form, which chat templates read. Throws ApiError 400 for what is no text. */
export function conversation({ system, messages }: MessageFields): readonly ChatMessage[] {
  const told = system == null ? "" : typeof system === "string" ? system : joined(system, "system");
  const turns = messages.flatMap(({ role, content }, i) =>
    typeof content === "string" ? [{ role, content }] : turnsOf(role, content, `messages.${i}`),
  );
  return chatMessages([...(told === "" ? [] : [{ role: "system", content: told }]), ...turns]);
}

/** What tools gave are messages of their own, before what the user says. */
function turnsOf(role: string, blocks: readonly Block[], path: string) {
  const results = blocks.filter(({ type }) => type === "tool_result");
  const calls = blocks.filter(({ type }) => type === "tool_use");
  const thoughts = blocks.flatMap(({ type, thinking }) => (type === "thinking" && thinking ? [thinking] : []));
  const others = blocks.filter(
    ({ type }) => !["tool_result", "tool_use", "thinking", "redacted_thinking"].includes(type),
  );
  const said = joined(others, path);
  return [
    ...results.map(({ tool_use_id: id, content }) => ({
      role: "tool",
      tool_call_id: id,
      content: content == null ? "" : typeof content === "string" ? content : joined(content, path),
    })),
    ...(said === "" && calls.length === 0
      ? []
      : [
          {
            role,
            content: said,
            ...(thoughts.length > 0 && { reasoning_content: thoughts.join("\n") }),
            ...(calls.length > 0 && {
              tool_calls: calls.map(({ id, name, input }) => ({
                id,
                function: { name: name ?? "", arguments: input ?? {} },
              })),
            }),
          },
        ]),
  ];
}

export function messageTools({ tools, tool_choice: choice }: MessageFields) {
  return {
    ...(tools != null && {
      tools: tools.map(({ input_schema: parameters, ...rest }) => toolOf({ ...rest, parameters })),
    }),
    ...(choice != null && { toolChoice: toolChoice(choice) }),
    ...(choice != null &&
      "disable_parallel_tool_use" in choice && { parallelToolCalls: !choice.disable_parallel_tool_use }),
  };
}

function toolChoice(choice: NonNullable<MessageFields["tool_choice"]>): ToolChoice {
  if (choice.type === "tool") return { name: choice.name };
  return choice.type === "any" ? "required" : choice.type;
}
