import { AnswerClock } from "./answer-clock.ts";
import { ServerError, type ChatApi, type ServedModel } from "./chat-api.ts";
import { Composer } from "./composer.ts";
import { drawConversationList } from "./conversation-list.ts";
import type { ConversationStore } from "./conversation-store.ts";
import {
  newConversation,
  titleOf,
  withMessages,
  type AnswerEnd,
  type Conversation,
  type Message,
} from "./conversation.ts";
import { element, elementById } from "./element.ts";
import { iconButton } from "./icon-button.ts";
import type { PageStorage } from "./page-storage.ts";
import { openSettingsDialog } from "./settings-dialog.ts";
import { loadSettings, saveSettings, type Settings } from "./settings.ts";
import { applyTheme, loadTheme, type Theme } from "./theme.ts";
import { Transcript } from "./transcript.ts";

export interface ChatPageParts {
  readonly api: ChatApi;
  readonly store: ConversationStore;
  readonly storage: PageStorage;
  /** Where the API key lies: as long as the tab, so that it does not outlive the person at the keyboard. */
  readonly session: PageStorage;
}

/** The page of index.html at work: one conversation is shown, and at most one answer is being written. */
export class ChatPage {
  readonly #api: ChatApi;
  readonly #store: ConversationStore;
  readonly #storage: PageStorage;
  readonly #session: PageStorage;
  readonly #transcript: Transcript;
  readonly #composer: Composer;
  readonly #modelSelect = elementById("model", "select");
  readonly #list = elementById("conversations", "ul");
  readonly #status = elementById("status", "p");
  readonly #speed = elementById("speed", "p");
  readonly #dialog = elementById("settings", "dialog");
  #models: readonly ServedModel[] = [];
  #settings: Settings;
  #theme: Theme;
  #conversation: Conversation = newConversation();
  #answering: AbortController | undefined;

  constructor({ api, store, storage, session }: ChatPageParts) {
    this.#api = api;
    this.#store = store;
    this.#storage = storage;
    this.#session = session;
    this.#settings = loadSettings(storage);
    this.#theme = loadTheme(storage);
    applyTheme(storage, this.#theme);
    this.#transcript = new Transcript(elementById("transcript", "div"), elementById("scroller", "div"), {
      onEdit: (index, content) => this.#ask(this.#conversation.messages.slice(0, index), content),
      onRedo: (index) => this.#answer(this.#conversation.messages.slice(0, index)),
    });
    this.#composer = new Composer({
      onSend: (text) => this.#ask(this.#conversation.messages, text),
      onStop: () => this.#answering?.abort(),
      onEditLast: () => this.#transcript.editLast(this.#conversation.messages),
    });
    this.#place();
    this.#show();
  }

  /** Asks the server for its models; a server with keys makes the person enter one. */
  async start(): Promise<void> {
    const key = this.#session.read(keyName);
    this.#api.key = typeof key === "string" ? key : "";
    await this.#findModels();
  }

  #place(): void {
    elementById("composer", "div").append(this.#composer.node);
    const sidebar = elementById("sidebar", "aside");
    const toggle = iconButton("menu", "Conversations", () => {
      const isOpen = sidebar.classList.toggle("open");
      toggle.setAttribute("aria-expanded", String(isOpen));
    });
    toggle.classList.add("only-narrow");
    toggle.setAttribute("aria-expanded", "false");
    elementById("start", "div").append(toggle);
    elementById("end", "div").append(
      iconButton("new", "New chat", () => this.#open(newConversation())),
      iconButton("settings", "Settings", () => this.#openSettings()),
    );
    elementById("new-chat", "button").addEventListener("click", () => this.#open(newConversation()));
    this.#modelSelect.addEventListener("change", () => this.#composer.focus());
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.#dialog.open) return;
      this.#answering?.abort();
      this.#closeSidebar();
    });
    // A click beside the open list closes it, as everywhere.
    elementById("main", "main").addEventListener("click", ({ target }) => {
      if (!toggle.contains(target as Node)) this.#closeSidebar();
    });
  }

  async #findModels(): Promise<void> {
    try {
      this.#models = await this.#api.models();
      this.#say("");
    } catch (error) {
      this.#say(isLocked(error) ? "This server asks for an API key." : `The server is not ready: ${reasonOf(error)}`);
      if (isLocked(error)) this.#openSettings();
      else setTimeout(() => void this.#findModels(), retryMs);
      return;
    }
    const chosen = this.#modelSelect.value;
    this.#modelSelect.replaceChildren(
      ...this.#models.map(({ id }) => element("option", { selected: id === chosen }, id)),
    );
    this.#modelSelect.disabled = this.#models.length < 2;
    this.#composer.focus();
  }

  #openSettings(): void {
    const key = this.#api.key;
    const model = this.#models.find(({ id }) => id === this.#modelSelect.value);
    openSettingsDialog(
      this.#dialog,
      { settings: this.#settings, theme: this.#theme, key, model },
      {
        onSettings: (settings) => {
          this.#settings = settings;
          saveSettings(this.#storage, settings);
        },
        onTheme: (theme) => {
          this.#theme = theme;
          applyTheme(this.#storage, theme);
        },
        onKey: (entered) => {
          this.#api.key = entered;
          this.#session.write(keyName, entered);
        },
      },
    );
    const closed = (): void => {
      if (this.#api.key !== key) void this.#findModels();
    };
    this.#dialog.addEventListener("close", closed, { once: true });
  }

  /** Leaves the conversation that is shown; an answer that was being written for it ends where it is. */
  #open(conversation: Conversation): void {
    this.#answering?.abort();
    this.#conversation = conversation;
    this.#closeSidebar();
    this.#show();
    this.#transcript.scrollToEnd();
    this.#composer.focus();
  }

  #closeSidebar(): void {
    elementById("sidebar", "aside").classList.remove("open");
    elementById("start", "div").querySelector("button")?.setAttribute("aria-expanded", "false");
  }

  #remove(conversation: Conversation): void {
    if (!confirm(`Delete "${titleOf(conversation)}"?`)) return;
    this.#store.remove(conversation.id);
    if (conversation.id === this.#conversation.id) this.#open(newConversation());
    else this.#show();
  }

  #show(): void {
    const { messages } = this.#conversation;
    const isBusy = this.#answering !== undefined;
    document.body.classList.toggle("empty", messages.length === 0);
    document.title = messages.length === 0 ? "fewbit" : `${titleOf(this.#conversation)} · fewbit`;
    this.#composer.isBusy = isBusy;
    this.#transcript.show(messages, isBusy);
    drawConversationList(this.#list, this.#store.all, this.#conversation.id, {
      onOpen: (conversation) => this.#open(conversation),
      onRemove: (conversation) => this.#remove(conversation),
    });
  }

  #keep(messages: readonly Message[]): void {
    this.#conversation = withMessages(this.#conversation, messages);
    this.#store.save(this.#conversation);
  }

  #ask(before: readonly Message[], content: string): void {
    this.#answer([...before, { role: "user", content }]);
  }

  /** While another answer is being written it does nothing: only a button that is about to go could ask for it. */
  #answer(before: readonly Message[]): void {
    if (this.#answering !== undefined) return;
    this.#write(before).catch((error: unknown) => this.#say(reasonOf(error)));
  }

  /** Has an answer to these messages written, and keeps whatever comes of it. */
  async #write(before: readonly Message[]): Promise<void> {
    const answering = new AbortController();
    this.#answering = answering;
    this.#keep(before);
    const { id } = this.#conversation;
    const model = this.#modelSelect.value;
    const clock = new AnswerClock();
    let message: Message = { role: "assistant", content: "" };
    this.#conversation = withMessages(this.#conversation, [...before, message]);
    this.#show();
    this.#transcript.scrollToEnd();

    let end: AnswerEnd = "stop";
    let failure: string | undefined;
    try {
      for await (const piece of this.#api.chat(model, before, this.#settings, answering.signal)) {
        if (piece.type === "end") end = piece.reason === "length" ? "length" : "stop";
        else if (piece.type === "usage") clock.counted(piece.tokens);
        else {
          clock.piece();
          message = withPiece(message, piece.type, piece.text);
          if (this.#conversation.id === id) this.#transcript.updateLast(message);
          this.#speed.textContent = speedOf(clock);
        }
      }
    } catch (error) {
      end = answering.signal.aborted ? "stopped by you" : "failed";
      if (end === "failed") failure = reasonOf(error);
      if (isLocked(error)) this.#openSettings();
    }
    const { tokens, firstWordMs, tokensPerSecond } = clock;
    const answer = {
      end,
      model,
      ...(tokens > 0 && { tokens }),
      ...(firstWordMs !== undefined && { firstWordMs }),
      ...(tokensPerSecond !== undefined && { tokensPerSecond }),
      ...(failure !== undefined && { error: failure }),
    };
    this.#finish(id, [...before, { ...message, answer }]);
    this.#answering = undefined;
    this.#speed.textContent = "";
    this.#show();
    if (this.#conversation.id === id && document.activeElement === document.body) this.#composer.focus();
  }

  /** The conversation may no longer be the one that is shown, or have been deleted meanwhile. */
  #finish(id: string, messages: readonly Message[]): void {
    if (this.#conversation.id === id) {
      this.#keep(messages);
      return;
    }
    const kept = this.#store.all.find((each) => each.id === id);
    if (kept !== undefined) this.#store.save(withMessages(kept, messages));
  }

  #say(text: string): void {
    this.#status.textContent = text;
  }
}

const keyName = "fewbit.key";

/** A server that starts has its models in some seconds or minutes. */
const retryMs = 2000;

function withPiece(message: Message, type: "text" | "reasoning", text: string): Message {
  if (type === "text") return { ...message, content: message.content + text };
  return { ...message, reasoning: (message.reasoning ?? "") + text };
}

function speedOf({ tokens, tokensPerSecond }: AnswerClock): string {
  return tokensPerSecond === undefined ? "" : `${tokens} tokens · ${tokensPerSecond.toFixed(0)} tokens/s`;
}

function isLocked(error: unknown): boolean {
  return error instanceof ServerError && error.status === 401;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
