/** One turn of a conversation, in the form that chat templates expect. Templates may read more keys; all are handed to them. */
export interface ChatMessage {
  /** "system", "user", "assistant", "tool"; templates may know others. */
  readonly role: string;
  readonly content?: string | readonly ContentPart[] | null;
  readonly [key: string]: unknown;
}

/** `{ type: "text", text }`, or what else the template understands. */
export interface ContentPart {
  readonly type: string;
  readonly [key: string]: unknown;
}
