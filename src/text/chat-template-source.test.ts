import { expect, test } from "vitest";
import { findChatTemplate } from "./chat-template-source.ts";

const named = [
  { name: "default", template: "d" },
  { name: "tool_use", template: "t" },
];

test.each([
  [
    "the file of its own wins",
    { jinja: "j", json: { chat_template: "n" }, tokenizerConfig: { chat_template: "c" } },
    { chat: "j" },
  ],
  ["then the JSON file", { json: { chat_template: "n" }, tokenizerConfig: { chat_template: "c" } }, { chat: "n" }],
  ["then the tokenizer's configuration", { tokenizerConfig: { chat_template: "c" } }, { chat: "c" }],
  ["named templates", { tokenizerConfig: { chat_template: named } }, { chat: "d", toolUse: "t" }],
  ["one named template", { tokenizerConfig: { chat_template: named.slice(0, 1) } }, { chat: "d" }],
  ["none by the default name", { tokenizerConfig: { chat_template: named.slice(1) } }, undefined],
  ["nothing", {}, undefined],
  [
    "nonsense",
    { json: { chat_template: 3 }, tokenizerConfig: { chat_template: [null, 1, { name: "default" }] } },
    undefined,
  ],
])("%s", (_, files, expected) => {
  expect(findChatTemplate(files)).toEqual(expected);
});
