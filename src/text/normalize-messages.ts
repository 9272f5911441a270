import type { ChatMessage } from "./chat-message.ts";

/** Under what names a message may carry the model's reasoning, best first: templates read one of the first two. */
const reasoningKeys = ["reasoning_content", "thinking", "reasoning"];

/**
 * Messages as transformers 5 hands them to a template. Keys that are null are left out, since APIs send `content: null` and templates
 * print it; reasoning stands under both names that templates know.
 */
export function normalizeMessages(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  return messages.map((message) => {
    const present = Object.fromEntries(Object.entries(message).filter(([, value]) => value != null)) as ChatMessage;
    const reasoning = reasoningKeys.map((key) => present[key]).find((value) => value !== undefined);
    return reasoning === undefined ? present : { thinking: reasoning, ...present, reasoning_content: reasoning };
  });
}
