import type { Message } from "./conversation.ts";
import { MessageView, type MessageActions } from "./message-view.ts";

export interface TranscriptEvents {
  /** The message at `index` is to read `content`, and to be answered anew. */
  readonly onEdit: (index: number, content: string) => void;
  /** The answer at `index` is to be given again. */
  readonly onRedo: (index: number) => void;
}

/** The messages of the conversation that is shown. It follows a growing answer as long as its end is in sight. */
export class Transcript {
  readonly #node: HTMLElement;
  readonly #scroller: HTMLElement;
  readonly #events: TranscriptEvents;
  #views: MessageView[] = [];
  #isAtEnd = true;

  /** `node` holds the messages, and `scroller` the node. */
  constructor(node: HTMLElement, scroller: HTMLElement, events: TranscriptEvents) {
    this.#node = node;
    this.#scroller = scroller;
    this.#events = events;
    scroller.addEventListener("scroll", () => {
      this.#isAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 48;
    });
    new ResizeObserver(() => this.#follow()).observe(node);
  }

  /** Shows these messages; while the last is being written, none of them can be changed. */
  show(messages: readonly Message[], isBusy: boolean): void {
    this.#node.setAttribute("aria-busy", String(isBusy));
    this.#views = messages.map(
      (message, index) => new MessageView(message, isBusy ? {} : this.#actions(message, index)),
    );
    this.#node.replaceChildren(...this.#views.map(({ node }) => node));
  }

  /** Shows how far the last message has come. */
  updateLast(message: Message): void {
    this.#views.at(-1)?.update(message);
  }

  /** Opens the last question for editing; nothing to edit, nothing happens. */
  editLast(messages: readonly Message[]): void {
    const index = messages.findLastIndex(({ role }) => role === "user");
    this.#views[index]?.edit((content) => this.#events.onEdit(index, content));
  }

  scrollToEnd(): void {
    this.#isAtEnd = true;
    this.#follow();
  }

  #actions({ role }: Message, index: number): MessageActions {
    if (role === "assistant") return { onRedo: () => this.#events.onRedo(index) };
    return { onEdit: (content) => this.#events.onEdit(index, content) };
  }

  #follow(): void {
    if (this.#isAtEnd) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }
}
