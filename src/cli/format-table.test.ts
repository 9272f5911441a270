import { expect, test } from "vitest";
import { formatTable } from "./format-table.ts";

test("columns are as wide as their widest cell, lines end with their text", () => {
  const rows = [
    ["name", "tokens/s"],
    ["a", "1.5"],
    ["longer", ""],
  ];
  expect(formatTable(rows, ["left", "right"])).toBe("name    tokens/s\na            1.5\nlonger");
});

test("colours and wide characters of one column take their own room only", () => {
  expect(
    formatTable(
      [
        ["\u001b[31mred\u001b[39m", "x"],
        ["µs", "y"],
      ],
      ["left", "left"],
    ),
  ).toBe("\u001b[31mred\u001b[39m  x\nµs   y");
});
