import { expect, test } from "vitest";
import { formatHubId, isCommit, parseHubId } from "./hub-id.ts";

test.each([
  ["org/name", { repository: "org/name" }],
  ["Qwen/Qwen2.5-0.5B-Instruct-GPTQ-Int4", { repository: "Qwen/Qwen2.5-0.5B-Instruct-GPTQ-Int4" }],
  ["org/name@refs/pr/1", { repository: "org/name", revision: "refs/pr/1" }],
  ["org/name@gptq-4bit-32g-actorder_True", { repository: "org/name", revision: "gptq-4bit-32g-actorder_True" }],
  ["org/name@4.0bpw", { repository: "org/name", revision: "4.0bpw" }],
  ["org/name:Q4_K_M", { repository: "org/name", variant: "Q4_K_M" }],
  ["org/name@main:Q4_0", { repository: "org/name", revision: "main", variant: "Q4_0" }],
])("%s", (text, id) => {
  expect(parseHubId(text)).toEqual(id);
  expect(formatHubId(id)).toBe(text);
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
  "models/x.gguf",
  "org/..",
  "org/.hidden",
  "org/a--b",
  "org/a..b",
  "org/name.git",
  `org/${"n".repeat(100)}`,
  "org/name@",
  "org/name@..",
  "org/name@a/../b",
  "org/name@/etc",
  "org/name@a//b",
  "org/name@a\\b",
  "org/name@x.lock",
  "org/name@a b",
  "",
  "C:\\a/b",
])("%j is none", (text) => {
  expect(parseHubId(text)).toBeUndefined();
});

test("a commit has 40 hexadecimal digits", () => {
  expect(isCommit("0123456789abcdef0123456789abcdef01234567")).toBe(true);
  for (const text of ["main", "0123456", "0123456789ABCDEF0123456789abcdef01234567"])
    expect(isCommit(text)).toBe(false);
});
