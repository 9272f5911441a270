import { element } from "./element.ts";
import { icon } from "./icon.ts";

export interface ComposerEvents {
  readonly onSend: (text: string) => void;
  readonly onStop: () => void;
  /** The arrow up in an empty field: people expect their last message. */
  readonly onEditLast: () => void;
}

/** Where messages are written. Enter sends, Shift and Enter begin a line; while an answer is written the button stops it. */
export class Composer {
  readonly node: HTMLFormElement;
  readonly #area: HTMLTextAreaElement;
  readonly #button: HTMLButtonElement;
  readonly #events: ComposerEvents;
  #isBusy = false;

  constructor(events: ComposerEvents) {
    this.#events = events;
    this.#area = element("textarea", {
      id: "message",
      rows: 1,
      placeholder: "Ask anything",
      "aria-label": "Message",
      enterkeyhint: "send",
      autocomplete: "off",
      input: () => this.#fit(),
      keydown: (event) => this.#key(event as KeyboardEvent),
    });
    this.#button = element("button", { type: "submit", class: "send" });
    const submit = (event: Event): void => {
      event.preventDefault();
      this.#submit();
    };
    this.node = element("form", { class: "composer", submit }, this.#area, this.#button);
    this.isBusy = false;
  }

  set isBusy(isBusy: boolean) {
    this.#isBusy = isBusy;
    this.#button.replaceChildren(icon(isBusy ? "stop" : "send"));
    this.#button.setAttribute("aria-label", isBusy ? "Stop" : "Send");
    this.#button.title = isBusy ? "Stop (Esc)" : "Send (Enter)";
    this.#enable();
  }

  focus(): void {
    this.#area.focus();
  }

  #submit(): void {
    if (this.#isBusy) {
      this.#events.onStop();
      return;
    }
    const text = this.#area.value.trim();
    if (text === "") return;
    this.#area.value = "";
    this.#fit();
    this.#events.onSend(text);
  }

  #key(event: KeyboardEvent): void {
    // Enter also ends the writing of a Chinese or Japanese word: that one is not for us.
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      if (!this.#isBusy) this.#submit();
    }
    if (event.key === "ArrowUp" && this.#area.value === "" && !this.#isBusy) {
      event.preventDefault();
      this.#events.onEditLast();
    }
  }

  #fit(): void {
    this.#area.style.height = "auto";
    this.#area.style.height = `${this.#area.scrollHeight}px`;
    this.#enable();
  }

  #enable(): void {
    this.#button.disabled = !this.#isBusy && this.#area.value.trim() === "";
  }
}
