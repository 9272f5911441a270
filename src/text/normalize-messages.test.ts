import { expect, test } from "vitest";
import { normalizeMessages } from "./normalize-messages.ts";

test("keys that are null go, also without a value", () => {
  const messages = [{ role: "assistant", content: null, name: undefined, tool_calls: [null] }];
  expect(normalizeMessages(messages)).toEqual([{ role: "assistant", tool_calls: [null] }]);
});

// By transformers 5.23, the order of keys included.
test.each([
  [{ reasoning_content: "a" }, '{"thinking":"a","role":"x","reasoning_content":"a"}'],
  [{ thinking: "a" }, '{"thinking":"a","role":"x","reasoning_content":"a"}'],
  [{ reasoning: "a" }, '{"thinking":"a","role":"x","reasoning":"a","reasoning_content":"a"}'],
  [{ thinking: "a", reasoning_content: "b" }, '{"thinking":"a","role":"x","reasoning_content":"b"}'],
])("reasoning of %j", (keys, expected) => {
  expect(JSON.stringify(normalizeMessages([{ role: "x", ...keys }])[0])).toBe(expected);
});

test("a key of prototypes is a key like any other", () => {
  const message = JSON.parse('{"role":"x","__proto__":{"content":"y"}}') as { readonly role: string };
  const [normalized] = normalizeMessages([message]);
  expect(normalized.content).toBeUndefined();
  expect(Object.keys(normalized)).toEqual(["role", "__proto__"]);
});
