import type { AnswerFacts, Conversation, Message } from "./conversation.ts";
import type { PageStorage } from "./page-storage.ts";

const key = "fewbit.conversations";
const mostConversations = 200;

/** Conversations of this browser, newest first. They never leave it but in requests to the server. */
export class ConversationStore {
  readonly #storage: PageStorage;
  #all: readonly Conversation[];

  constructor(storage: PageStorage) {
    this.#storage = storage;
    this.#all = this.#read();
  }

  get all(): readonly Conversation[] {
    return this.#all;
  }

  /** Conversations without a message are not kept. */
  save(conversation: Conversation): void {
    const others = this.#read().filter(({ id }) => id !== conversation.id);
    const all = conversation.messages.length === 0 ? others : [conversation, ...others];
    this.#write(all.sort((a, b) => b.changed - a.changed).slice(0, mostConversations));
  }

  remove(id: string): void {
    this.#write(this.#read().filter((each) => each.id !== id));
  }

  /** Another tab may have written since. What an older page or a person has left there and is no conversation is dropped. */
  #read(): Conversation[] {
    const found = this.#storage.read(key);
    return Array.isArray(found) ? found.filter(isConversation) : [];
  }

  /** When the browser's quota is used up, the oldest make room for the newest. */
  #write(all: readonly Conversation[]): void {
    this.#all = all;
    for (let count = all.length; count > 0; count--) if (this.#storage.write(key, all.slice(0, count))) return;
    this.#storage.write(key, all);
  }
}

function isConversation(value: unknown): value is Conversation {
  if (typeof value !== "object" || value === null) return false;
  const { id, changed, messages } = value as Partial<Record<keyof Conversation, unknown>>;
  return typeof id === "string" && typeof changed === "number" && Array.isArray(messages) && messages.every(isMessage);
}

function isMessage(value: unknown): value is Message {
  if (typeof value !== "object" || value === null) return false;
  const { role, content, reasoning, answer } = value as Partial<Record<keyof Message, unknown>>;
  return (
    (role === "user" || role === "assistant") &&
    typeof content === "string" &&
    (reasoning === undefined || typeof reasoning === "string") &&
    (answer === undefined || isAnswer(answer))
  );
}

function isAnswer(value: unknown): value is AnswerFacts {
  if (typeof value !== "object" || value === null) return false;
  const { end, model, tokens, firstWordMs, tokensPerSecond, error } = value as Partial<
    Record<keyof AnswerFacts, unknown>
  >;
  return (
    [end, model, error ?? ""].every((each) => typeof each === "string") &&
    [tokens ?? 0, firstWordMs ?? 0, tokensPerSecond ?? 0].every((each) => typeof each === "number")
  );
}
