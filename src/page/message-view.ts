import type { AnswerFacts, Message } from "./conversation.ts";
import { element } from "./element.ts";
import { copyButton, iconButton } from "./icon-button.ts";
import { MarkdownView } from "./markdown-view.ts";

/** What a person may do with a message; absent: not with this one, or not now. */
export interface MessageActions {
  readonly onEdit?: (content: string) => void;
  readonly onRedo?: () => void;
}

/** One message of the transcript. It is made anew when it changes, but for an answer that is being written. */
export class MessageView {
  readonly node: HTMLElement;
  readonly #body: HTMLElement;
  readonly #answer = new MarkdownView();
  readonly #reasoning = new MarkdownView();
  readonly #thoughts = element(
    "details",
    { class: "thoughts" },
    element("summary", {}, "Reasoning"),
    this.#reasoning.node,
  );
  #message: Message;
  #isDrawn = true;

  constructor(message: Message, actions: MessageActions = {}) {
    this.#message = message;
    this.#body = element("div", { class: "body" });
    const who = message.role === "user" ? "You" : "Answer";
    const name = element("h2", { class: "off-screen" }, who);
    this.node = element("article", { class: `message ${message.role}` }, name, this.#body);
    this.#draw();
    if (message.role === "user" || message.answer !== undefined) this.node.append(this.#footer(actions));
  }

  /** Shows what there is of an answer so far: at most once a frame, however quickly pieces arrive. */
  update(message: Message): void {
    this.#message = message;
    if (!this.#isDrawn) return;
    this.#isDrawn = false;
    requestAnimationFrame(() => {
      this.#isDrawn = true;
      this.#draw();
    });
  }

  #draw(): void {
    const { role, content, reasoning, answer } = this.#message;
    const parts: Node[] = [];
    if (reasoning !== undefined) {
      this.#reasoning.show(reasoning);
      parts.push(this.#thoughts);
    }
    if (role === "user") parts.push(element("p", { class: "as-typed" }, content));
    else if (content !== "") {
      this.#answer.show(content);
      parts.push(this.#answer.node);
    } else if (answer === undefined && reasoning === undefined) parts.push(element("span", { class: "waiting" }));
    if (answer?.error !== undefined) parts.push(element("p", { class: "error", role: "alert" }, answer.error));
    const shown = this.#body.childNodes;
    // A node that is put where it is already loses what is selected in it.
    if (parts.length !== shown.length || parts.some((part, i) => part !== shown[i]))
      this.#body.replaceChildren(...parts);
  }

  #footer({ onEdit, onRedo }: MessageActions): HTMLElement {
    const { role, content, answer } = this.#message;
    const copy = copyButton(role === "user" ? "Copy message" : "Copy answer", () => content);
    const edit = onEdit && iconButton("edit", "Edit message", () => this.edit(onEdit));
    const redo = onRedo && iconButton("redo", "Answer again", onRedo);
    const facts = answer && element("span", { class: "facts" }, describe(answer));
    return element("footer", {}, content !== "" && copy, edit, redo, facts);
  }

  /** Puts the message into a text field; its answer, and all after it, are asked for anew. */
  edit(onEdit: (content: string) => void): void {
    const area = element("textarea", { "aria-label": "Edit message", rows: 3 });
    area.value = this.#message.content;
    const leave = (): void => {
      form.replaceWith(...original);
    };
    const form = element(
      "form",
      {
        class: "edit",
        submit: (event) => {
          event.preventDefault();
          const content = area.value.trim();
          if (content === "") return;
          leave();
          onEdit(content);
        },
        keydown: (event) => {
          const { key, shiftKey, isComposing } = event as KeyboardEvent;
          if (key === "Escape") {
            event.stopPropagation();
            leave();
          }
          if (key === "Enter" && !shiftKey && !isComposing) {
            event.preventDefault();
            form.requestSubmit();
          }
        },
      },
      area,
      element("button", { type: "button", class: "quiet", click: leave }, "Cancel"),
      element("button", { type: "submit", class: "primary" }, "Send"),
    );
    const original = [...this.node.childNodes];
    this.node.replaceChildren(form);
    area.focus();
  }
}

function describe({ end, tokens, tokensPerSecond, firstWordMs }: AnswerFacts): string {
  const facts: string[] = [];
  if (tokens !== undefined) facts.push(`${tokens} ${tokens === 1 ? "token" : "tokens"}`);
  if (tokensPerSecond !== undefined) facts.push(`${tokensPerSecond.toFixed(tokensPerSecond < 10 ? 1 : 0)} tokens/s`);
  if (firstWordMs !== undefined)
    facts.push(`first after ${(firstWordMs / 1000).toFixed(firstWordMs < 1000 ? 2 : 1)}\u00a0s`);
  if (end === "length") facts.push("cut at the most tokens");
  if (end === "stopped by you") facts.push("stopped");
  return facts.join(" · ");
}
