/** One message of a chat. */
export interface Turn {
  readonly role: "user" | "assistant";
  readonly content: string;
  /** The user stopped this answer: it is not whole. */
  readonly stopped?: true;
}
