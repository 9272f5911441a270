import type { ChatMessage } from "../../text/chat-message.ts";

export interface FittedConversation {
  readonly messages: readonly ChatMessage[];
  /** How many messages at the beginning did not fit. */
  readonly dropped: number;
}

/**
 * A conversation that has room: its oldest turns go, a question with its answer, until what is left has at most `room` tokens.
 * Undefined: the last message alone has more.
 */
export async function fitConversation(
  messages: readonly ChatMessage[],
  room: number,
  countTokens: (messages: readonly ChatMessage[]) => Promise<number>,
): Promise<FittedConversation | undefined> {
  for (let dropped = 0; dropped < messages.length; dropped = nextTurn(messages, dropped)) {
    const rest = messages.slice(dropped);
    if ((await countTokens(rest)) <= room) return { messages: rest, dropped };
  }
  return undefined;
}

/** Where the turn after the one that begins at `start` begins: templates want a user's message first. */
function nextTurn(messages: readonly ChatMessage[], start: number): number {
  const next = messages.findIndex(({ role }, i) => i > start && role === "user");
  return next === -1 ? messages.length : next;
}
