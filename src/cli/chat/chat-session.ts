import type { GenerationResult } from "../../llm/generation.ts";
import type { LLM } from "../../llm/llm.ts";
import { AbortedError, FewbitError, RequestError } from "../../util/errors.ts";
import { generateOptions } from "../flags/generation-flags.ts";
import type { Terminal } from "../terminal.ts";
import { runChatCommand } from "./chat-commands.ts";
import type { ChatControls } from "./chat-controls.ts";
import type { ChatInterruption } from "./chat-interruption.ts";
import type { ChatSettings } from "./chat-settings.ts";
import { ChatStatistics } from "./chat-statistics.ts";
import { Conversation, type ConversationOptions } from "./conversation.ts";
import type { Message } from "./message-reader.ts";

export interface ChatSessionOptions {
  /** Borrowed. */
  readonly llm: LLM;
  readonly system: string | undefined;
  readonly settings: ChatSettings;
  readonly terminal: Terminal;
  readonly interruption: ChatInterruption;
  /** Answers are not printed as they come. */
  readonly isSilent: boolean;
}

/** One chat: takes messages and commands, prints answers. */
export class ChatSession implements ChatControls {
  readonly conversation: Conversation;
  readonly settings: ChatSettings;
  readonly terminal: Terminal;
  readonly statistics: ChatStatistics;
  readonly #interruption: ChatInterruption;
  readonly #isSilent: boolean;

  constructor({ llm, system, settings, terminal, interruption, isSilent }: ChatSessionOptions) {
    this.conversation = new Conversation(llm, system);
    this.settings = settings;
    this.terminal = terminal;
    this.statistics = new ChatStatistics(llm.info.contextLength);
    this.#interruption = interruption;
    this.#isSilent = isSilent;
  }

  /** Answers a message, or does what it says; "leave": the user has had enough. What cannot be done is said, and no error. */
  async take({ text, isLiteral }: Message): Promise<void | "leave"> {
    this.#interruption.disarm();
    const isCommand = text.startsWith("/") && !isLiteral;
    try {
      if (isCommand) return await runChatCommand(text, this);
      if (text.trim() !== "") await this.#answer((options) => this.conversation.ask(text, options));
    } catch (error) {
      const isOfUser = isCommand ? error instanceof FewbitError : error instanceof RequestError;
      if (!isOfUser || error instanceof AbortedError) throw error;
      this.terminal.warn((error as Error).message);
    }
  }

  retry(): Promise<void> {
    return this.#answer((options) => this.conversation.retry(options));
  }

  async #answer(begin: (options: ConversationOptions) => Promise<GenerationResult>): Promise<void> {
    const { terminal } = this;
    let last = "\n"; // where nothing is written, no line is to be ended
    const result = await this.#interruption.during((signal) =>
      begin({
        ...generateOptions(this.settings.flags),
        signal,
        onText: (text) => {
          if (!this.#isSilent) terminal.writeForeign((last = text));
        },
        onNote: (note) => {
          if (!last.endsWith("\n")) terminal.write((last = "\n"));
          terminal.note(`(${note})`);
        },
      }),
    );
    if (!this.#isSilent && (!last.endsWith("\n") || result.text === "")) terminal.write("\n");
    if (result.finishReason === "cancelled") terminal.remark("(stopped)");
    this.statistics.add(result);
    terminal.detail(this.statistics.describeLast());
  }
}
