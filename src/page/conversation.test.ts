import { expect, test } from "vitest";
import { answered, type Message } from "./conversation.ts";

const asks = (content: string): Message => ({ role: "user", content });
const says = (content: string): Message => ({ role: "assistant", content });

test("a question that nothing was said to is not asked again with the next one", () => {
  const [first, answer, second, third] = [asks("a"), says("b"), asks("c"), asks("d")];
  expect(answered([first, answer, second, says(""), third])).toEqual([first, answer, third]);
  expect(answered([first, answer, second])).toEqual([first, answer, second]);
});
