import type { ChatOptions } from "../../llm/generation-options.ts";
import type { LLM } from "../../llm/llm.ts";
import type { ChatMessage } from "../../text/chat-message.ts";
import { RequestError } from "../../util/errors.ts";
import { fitConversation } from "./fit-conversation.ts";

export interface ConversationOptions extends ChatOptions {
  /** A piece of the answer. */
  readonly onText: (text: string) => void;
  /** Something that the user should know: turns were dropped, the context is full. */
  readonly onNote: (note: string) => void;
  readonly signal: AbortSignal;
}

/** An answer that has less room than this, or a quarter of the context, is not worth beginning: older turns go first. */
const wantedRoom = 256;

/** The history of one chat. Borrows the model. */
export class Conversation {
  readonly #llm: LLM;
  #messages: readonly ChatMessage[] = [];
  /** Before all turns, and kept when they are dropped; absent: what the model's template has. */
  system: string | undefined;

  constructor(llm: LLM, system: string | undefined) {
    this.#llm = llm;
    this.system = system;
  }

  /** The turns that the model still sees. */
  get messages(): readonly ChatMessage[] {
    return this.#messages;
  }

  clear(): void {
    this.#messages = [];
  }

  /**
   * Asks and answers one question. An answer that the signal ends stays in the history as far as it came. Throws RequestError
   * for a question that does not fit the context; then nothing has changed.
   */
  async ask(question: string, { onText, onNote, ...options }: ConversationOptions): Promise<void> {
    const { contextLength } = this.#llm.info;
    const room = contextLength - Math.min(options.maxTokens ?? wantedRoom, wantedRoom, Math.ceil(contextLength / 4));
    const asked = [...this.#messages, { role: "user", content: question }];
    const fitted = await fitConversation(asked, room, (messages) => this.#countTokens(messages));
    if (fitted === undefined)
      throw new RequestError(
        `this message alone leaves no room for an answer: the context has ${contextLength} positions (--ctx-size sets them)`,
      );
    if (fitted.dropped > 0) onNote(`the context is full: the oldest ${fitted.dropped} messages are forgotten`);
    const generation = this.#llm.chat(fitted.messages, { ...options, system: this.system });
    for await (const event of generation) if (event.type === "text") onText(event.text);
    const { text, finishReason, usage } = await generation.result;
    this.#messages = [...fitted.messages, { role: "assistant", content: text }];
    if (finishReason === "length" && usage.promptTokens + usage.completionTokens >= contextLength)
      onNote("the context is full: the answer ends here");
  }

  #countTokens(messages: readonly ChatMessage[]): Promise<number> {
    return this.#llm.countTokens(messages, { system: this.system });
  }
}
