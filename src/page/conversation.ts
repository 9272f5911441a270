export interface Conversation {
  readonly id: string;
  /** Milliseconds since 1970 of its last change: the newest stands first. */
  readonly changed: number;
  readonly messages: readonly Message[];
}

export interface Message {
  readonly role: "user" | "assistant";
  readonly content: string;
  /** What a model thought aloud before it answered. */
  readonly reasoning?: string;
  readonly answer?: AnswerFacts;
}

/** What is known of an answer besides its words. */
export interface AnswerFacts {
  readonly end: AnswerEnd;
  readonly model: string;
  readonly tokens?: number;
  /** From sending the request to the first words. */
  readonly firstWordMs?: number;
  readonly tokensPerSecond?: number;
  /** For end "failed": what the server said. */
  readonly error?: string;
}

/** `length`: it reached the limit of tokens or the end of the context. */
export type AnswerEnd = "stop" | "length" | "stopped by you" | "failed";

export function newConversation(): Conversation {
  return {
    id: `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`,
    changed: Date.now(),
    messages: [],
  };
}

export function withMessages(conversation: Conversation, messages: readonly Message[]): Conversation {
  return { ...conversation, changed: Date.now(), messages };
}

/** The beginning of what was asked first. */
export function titleOf({ messages: [first] }: Conversation): string {
  const words = first?.content.replace(/\s+/g, " ").trim() ?? "";
  if (words === "") return "New chat";
  return words.length <= 60 ? words : `${words.slice(0, 59).trimEnd()}…`;
}

/** Without the questions that nothing was said to: a model would take the silence for its own words. */
export function answered(messages: readonly Message[]): readonly Message[] {
  const isSilent = (message: Message | undefined): boolean => message?.role === "assistant" && message.content === "";
  return messages.filter((message, i) => !isSilent(message) && !isSilent(messages[i + 1]));
}
