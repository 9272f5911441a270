import { expect, test } from "vitest";
import { fitConversation } from "./fit-conversation.ts";
import type { Turn } from "./turn.ts";

const user = (content: string): Turn => ({ role: "user", content });
const assistant = (content: string): Turn => ({ role: "assistant", content });
const conversation = [user("aaaa"), assistant("bbbb"), user("cc"), assistant("dd"), user("e")];

/** One token a letter, and three for what is around them. */
const countTokens = async (turns: readonly Turn[]): Promise<number> =>
  3 + turns.map(({ content }) => content).join("").length;

test.each([
  [100, 0],
  [16, 0],
  [15, 2],
  [8, 2],
  [7, 4],
  [4, 4],
])("room for %i tokens: %i messages go", async (room, dropped) => {
  expect(await fitConversation(conversation, room, countTokens)).toEqual({
    turns: conversation.slice(dropped),
    dropped,
  });
});

test("the last message does not fit", async () => {
  expect(await fitConversation(conversation, 3, countTokens)).toBeUndefined();
});
