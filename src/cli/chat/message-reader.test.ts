import { expect, test } from "vitest";
import { MessageReader } from "./message-reader.ts";

function read(...lines: readonly string[]): readonly (string | undefined)[] {
  const reader = new MessageReader();
  return [...lines.map((line) => reader.push(line)), reader.finish()];
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
