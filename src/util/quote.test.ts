import { expect, test } from "vitest";
import { quote } from "./quote.ts";

test.each([
  ["model.layers.0", '"model.layers.0"'],
  ['a"b\\c', '"a\\"b\\\\c"'],
  ["\u001b[2J\u0000\n", '"\\u001b[2J\\u0000\\n"'],
  ["\u009b31m", '"\\u009b31m"'], // a C1 control sequence introducer
  ["a\u202eb", '"a\\u202eb"'], // turns the rest of the line around
  ["\u{e0041}", '"\\u{e0041}"'], // invisible tag character
  ["\ud800", '"\\ud800"'],
  ["größe 模型", '"größe 模型"'],
])("%j is shown as %s", (text, shown) => {
  expect(quote(text)).toBe(shown);
});

test("long text is cut", () => {
  expect(quote("x".repeat(10_000)).length).toBeLessThan(130);
});
