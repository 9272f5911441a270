import { expect, test } from "vitest";
import { chatHelp } from "./chat-commands.ts";

test.each([120, 60, 45])("the help of the chat breaks its lines between words, in %i columns", (width) => {
  const lines = chatHelp(width).split("\n");
  for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(width);
  // All in one line, it is the same text whatever the width.
  const words = (text: string): string => text.trim().replace(/\s+/g, " ");
  expect(words(lines.join("\n"))).toBe(words(chatHelp(1000)));
});
