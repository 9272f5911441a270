import { expect, test } from "vitest";
import { mean, median, standardDeviation } from "./statistics.ts";

test("mean and median", () => {
  expect(mean([1, 2, 6])).toBe(3);
  expect(median([10, 1, 2])).toBe(2);
  expect(median([10, 1, 2, 4])).toBe(3);
});

test("standard deviation of a sample", () => {
  expect(standardDeviation([2, 4, 4, 4, 5, 5, 7, 9])).toBeCloseTo(Math.sqrt(32 / 7), 12);
  expect(standardDeviation([5])).toBe(0);
});
