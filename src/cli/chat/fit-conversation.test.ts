import { expect, test } from "vitest";
import type { ChatMessage } from "../../text/chat-message.ts";
import { fitConversation } from "./fit-conversation.ts";

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });
const conversation = [user("aaaa"), assistant("bbbb"), user("cc"), assistant("dd"), user("e")];

/** One token a letter, and three for what is around them. */
const countTokens = async (messages: readonly ChatMessage[]): Promise<number> =>
  3 + messages.map(({ content }) => content as string).join("").length;

test.each([
  [100, 0],
  [16, 0],
  [15, 2],
  [8, 2],
  [7, 4],
  [4, 4],
])("room for %i tokens: %i messages go", async (room, dropped) => {
  expect(await fitConversation(conversation, room, countTokens)).toEqual({
    messages: conversation.slice(dropped),
    dropped,
  });
});

test("the last message does not fit", async () => {
  expect(await fitConversation(conversation, 3, countTokens)).toBeUndefined();
});
