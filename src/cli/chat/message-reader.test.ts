import { expect, test } from "vitest";
import { MessageReader } from "./message-reader.ts";

function read(...lines: readonly string[]): readonly (string | undefined)[] {
  const reader = new MessageReader();
  return [...lines.map((line) => reader.push(line)?.text), reader.finish()?.text];
}

test.each([
  ["lines", ["a", "b"], ["a", "b", undefined]],
  ["an empty line", [""], ["", undefined]],
  ["a backslash goes on", ["a\\", "b\\", "c", "d"], [undefined, undefined, "a\nb\nc", "d", undefined]],
  [
    "quotes on lines of their own",
    ['"""', "a", "", "b\\", '"""'],
    [undefined, undefined, undefined, undefined, "a\n\nb\\", undefined],
  ],
  ["quotes around text", ['"""a', 'b"""', "c"], [undefined, "a\nb", "c", undefined]],
  ["quotes on one line", ['"""a"""'], ["a", undefined]],
  ["nothing in quotes", ['"""', '"""'], [undefined, "", undefined]],
  ["quotes within a line are text", ['say """'], ['say """', undefined]],
  ["the end comes early", ["a\\", "b\\"], [undefined, undefined, "a\nb"]],
  ["the end comes within quotes", ['"""a', "b"], [undefined, undefined, "a\nb"]],
])("%s", (_, lines, expected) => {
  expect(read(...lines)).toEqual(expected);
});

test("pasted lines are text, whatever they look like, until a line is typed", () => {
  const reader = new MessageReader();
  for (const line of ["/exit", '"""', "a\\"]) expect(reader.push(line, true)).toBeUndefined();
  expect(reader.isOpen).toBe(true);
  expect(reader.push("typed")).toEqual({ text: '/exit\n"""\na\\\ntyped', isLiteral: true });
  expect(reader.push("/exit")).toEqual({ text: "/exit", isLiteral: false });
});

test("quotes go around pasted lines too", () => {
  const reader = new MessageReader();
  expect([reader.push('"""'), reader.push("a", true)]).toEqual([undefined, undefined]);
  expect(reader.push('"""')).toEqual({ text: "a", isLiteral: true });
});

test("what was begun can be forgotten", () => {
  const reader = new MessageReader();
  reader.push('"""a');
  reader.clear();
  expect(reader.isOpen).toBe(false);
  expect(reader.push("b")).toEqual({ text: "b", isLiteral: false });
});
