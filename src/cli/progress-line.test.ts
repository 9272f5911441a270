import { expect, test } from "vitest";
import { progressLine } from "./progress-line.ts";

test.each([
  [0, 80, `loading [${" ".repeat(30)}]   0 %`],
  [0.5, 80, `loading [${"=".repeat(15)}${" ".repeat(15)}]  50 %`],
  [1, 80, `loading [${"=".repeat(30)}] 100 %`],
  [0.999, 24, "loading [====== ]  99 %"],
  [0.5, 20, "loading  50 %"],
  [0.5, 10, " 50 %"],
  [0.5, 3, " 5"],
  [NaN, 20, "loading"],
  [NaN, 5, "load"],
  [7, 20, "loading 100 %"],
])("%s of it in %s columns", (share, columns, expected) => {
  const line = progressLine("loading", share, columns);
  expect(line).toBe(expected);
  expect(line.length).toBeLessThan(columns);
});
