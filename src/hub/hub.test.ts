import { expect, test } from "vitest";
import { parseHubId } from "./hub.ts";

test.each([
  ["org/name", { repository: "org/name" }],
  ["Qwen/Qwen2.5-0.5B-Instruct-GPTQ-Int4", { repository: "Qwen/Qwen2.5-0.5B-Instruct-GPTQ-Int4" }],
  ["org/name@refs/pr/1", { repository: "org/name", revision: "refs/pr/1" }],
  ["org/name:Q4_K_M", { repository: "org/name", variant: "Q4_K_M" }],
  ["org/name@main:Q4_0", { repository: "org/name", revision: "main", variant: "Q4_0" }],
])("%s", (text, id) => {
  expect(parseHubId(text)).toEqual(id);
});

test.each([
  "name",
  "./org/name",
  "../name",
  "./name",
  "/org/name",
  "org/name/more",
  "say a/b now",
  "org/",
  "",
  "C:\\a/b",
])("%j is none", (text) => {
  expect(parseHubId(text)).toBeUndefined();
});
