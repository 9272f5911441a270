import { titleOf, type Conversation } from "./conversation.ts";
import { element } from "./element.ts";
import { iconButton } from "./icon-button.ts";

export interface ConversationListEvents {
  readonly onOpen: (conversation: Conversation) => void;
  readonly onRemove: (conversation: Conversation) => void;
}

/** Draws the conversations that there are, newest first; `current` is the id of the one that is shown. */
export function drawConversationList(
  list: HTMLElement,
  conversations: readonly Conversation[],
  current: string,
  { onOpen, onRemove }: ConversationListEvents,
): void {
  const entries = conversations.map((conversation) => {
    const title = titleOf(conversation);
    const isCurrent = conversation.id === current;
    const attributes = { type: "button", class: "open", "aria-current": isCurrent ? "page" : undefined, title };
    const open = element("button", { ...attributes, click: () => onOpen(conversation) }, title);
    return element(
      "li",
      {},
      open,
      iconButton("delete", `Delete "${title}"`, () => onRemove(conversation)),
    );
  });
  list.replaceChildren(...entries);
}
