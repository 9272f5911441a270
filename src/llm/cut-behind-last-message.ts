import type { ChatMessage } from "../text/chat-message.ts";
import { RequestError } from "../util/errors.ts";

const option = "continueFinalMessage";

/**
 * A rendered conversation without what its template puts behind the text of the last message, so that the model goes on with that. Throws
 * RequestError where the message has no text, or where the template has not written it as it is.
 */
export function cutBehindLastMessage(rendered: string, messages: readonly ChatMessage[]): string {
  const content = messages.at(-1)?.content;
  if (typeof content !== "string" || content.trim() === "")
    throw new RequestError("continueFinalMessage: the last message must have a text to go on with", { option });
  // Many templates trim what they write.
  for (const text of [content, content.trim()]) {
    const start = rendered.lastIndexOf(text);
    if (start >= 0) return rendered.slice(0, start + text.length);
  }
  throw new RequestError("continueFinalMessage: the chat template does not write the last message as it is", {
    option,
  });
}
