import type { Terminal } from "../terminal.ts";
import type { ChatSettings } from "./chat-settings.ts";
import type { ChatStatistics } from "./chat-statistics.ts";
import type { Conversation } from "./conversation.ts";

/** What commands may take hold of. */
export interface ChatControls {
  readonly terminal: Terminal;
  readonly conversation: Conversation;
  readonly settings: ChatSettings;
  readonly statistics: ChatStatistics;
  /** Answers the last question anew. Throws RequestError where there is none. */
  retry(): Promise<void>;
}
