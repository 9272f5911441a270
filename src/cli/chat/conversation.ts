import type { GenerationResult } from "../../llm/generation.ts";
import type { ChatOptions } from "../../llm/generation-options.ts";
import type { LLM } from "../../llm/llm.ts";
import { RequestError } from "../../util/errors.ts";
import { fitConversation } from "./fit-conversation.ts";
import type { Turn } from "./turn.ts";

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
  #turns: readonly Turn[] = [];
  /** Before all turns, and kept when they are dropped; absent: what the model's template has. */
  system: string | undefined;

  constructor(llm: LLM, system: string | undefined) {
    this.#llm = llm;
    this.system = system;
  }

  /** What the model still sees; a question and an answer take turns. */
  get turns(): readonly Turn[] {
    return this.#turns;
  }

  /** Goes on from what was said elsewhere. */
  replace(turns: readonly Turn[]): void {
    this.#turns = turns;
  }

  /** Takes the last question back, with its answer; undefined: there is none. */
  undo(): string | undefined {
    const last = this.#turns.findLastIndex(({ role }) => role === "user");
    const question = this.#turns[last]?.content;
    if (question !== undefined) this.#turns = this.#turns.slice(0, last);
    return question;
  }

  /**
   * Asks and answers one question. An answer that the signal ends stays in the history as far as it came, and is marked.
   * Throws RequestError for a question that does not fit the context; then nothing has changed.
   */
  ask(question: string, options: ConversationOptions): Promise<GenerationResult> {
    return this.#answer([...this.#turns, { role: "user", content: question }], options);
  }

  /** Answers the last question anew, in the place of its answer. Throws as `ask`, and where nothing was asked. */
  async retry(options: ConversationOptions): Promise<GenerationResult> {
    const last = this.#turns.findLastIndex(({ role }) => role === "user");
    if (last === -1) throw new RequestError("nothing has been asked yet");
    return this.#answer(this.#turns.slice(0, last + 1), options);
  }

  async #answer(
    asked: readonly Turn[],
    { onText, onNote, ...options }: ConversationOptions,
  ): Promise<GenerationResult> {
    const { contextLength } = this.#llm.info;
    const room = contextLength - Math.min(options.maxTokens ?? wantedRoom, wantedRoom, Math.ceil(contextLength / 4));
    const fitted = await fitConversation(asked, room, (turns) => this.#countTokens(turns));
    if (fitted === undefined)
      throw new RequestError(
        `this message alone leaves no room for an answer: the context has ${contextLength} positions (--ctx-size sets them)`,
      );
    const { turns, dropped } = fitted;
    if (dropped > 0)
      onNote(`the context is full: the oldest ${dropped === 1 ? "message is" : `${dropped} messages are`} forgotten`);
    const generation = this.#llm.chat(turns.map(asMessage), { ...options, system: this.system });
    for await (const event of generation) if (event.type === "text") onText(event.text);
    const result = await generation.result;
    const { text, finishReason, usage } = result;
    const stopped = finishReason === "cancelled" && ({ stopped: true } as const);
    this.#turns = [...turns, { role: "assistant", content: text ?? "", ...stopped }];
    if (finishReason === "length" && usage.promptTokens + usage.completionTokens >= contextLength)
      onNote("the context is full: the answer ends here");
    return result;
  }

  #countTokens(turns: readonly Turn[]): Promise<number> {
    return this.#llm.countTokens(turns.map(asMessage), { system: this.system });
  }
}

/** What templates know. */
function asMessage({ role, content }: Turn): { readonly role: string; readonly content: string } {
  return { role, content };
}
