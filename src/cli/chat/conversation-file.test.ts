import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { FormatError, IoError } from "../../util/errors.ts";
import { loadConversation, parseConversation, saveConversation, type SavedConversation } from "./conversation-file.ts";

function place(): string {
  const folder = mkdtempSync(join(tmpdir(), "fewbit-chat-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, "chat.json");
}

const conversation: SavedConversation = {
  system: "Be brief.",
  turns: [
    { role: "user", content: "Hi\n日本" },
    { role: "assistant", content: "He", stopped: true },
  ],
};

test("what is saved is loaded as it was, in a form that others know", async () => {
  const path = place();
  await saveConversation(path, conversation, false);
  expect(await loadConversation(path)).toEqual(conversation);
  const { messages } = JSON.parse(readFileSync(path, "utf8")) as { messages: unknown };
  expect(messages).toEqual([{ role: "system", content: "Be brief." }, ...conversation.turns]);
});

test("a file that is there is replaced on demand only", async () => {
  const path = place();
  writeFileSync(path, "precious");
  await expect(saveConversation(path, conversation, false)).rejects.toThrow(/is there already; \/save -f /);
  expect(readFileSync(path, "utf8")).toBe("precious");
  await saveConversation(path, conversation, true);
  expect(await loadConversation(path)).toEqual(conversation);
});

test("a bare list of messages is a conversation, and so is an empty one", () => {
  expect(parseConversation([...conversation.turns.map((turn) => ({ ...turn }))], "x")).toEqual({
    turns: conversation.turns,
  });
  expect(parseConversation({ messages: [] }, "x")).toEqual({ turns: [] });
});

test.each([
  ["no list", { messages: 1 }, /x: must hold \{"messages"/],
  ["no object", [1], /messages\[0\] must be an object, found a number/],
  ["parts", [{ role: "user", content: [] }], /messages\[0\]: "content" must be a text/],
  [
    "a late system message",
    [
      { role: "user", content: "" },
      { role: "system", content: "" },
    ],
    /"assistant" is its turn/,
  ],
  ["an answer first", [{ role: "assistant", content: "" }], /"role" is "assistant"; "user" is its turn/],
  ["no role", [{ content: "" }], /"role" is no text/],
  ["no answer", [{ role: "user", content: "" }], /a question without an answer/],
])("%s is refused", (_, value, message) => {
  expect(() => parseConversation(value, "x")).toThrow(FormatError);
  expect(() => parseConversation(value, "x")).toThrow(message);
});

test("what cannot be read is named", async () => {
  await expect(loadConversation(place())).rejects.toThrow(/chat\.json: cannot be read \(ENOENT\)/);
  await expect(loadConversation(tmpdir())).rejects.toThrow(IoError);
});
