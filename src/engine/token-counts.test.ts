import { expect, test } from "vitest";
import { TokenCounts } from "./token-counts.ts";

test("counts the output only, and lists the prompt's tokens too", () => {
  const counts = new TokenCounts([5, 3, 5]);
  counts.addOutput(3);
  counts.addOutput(9);
  counts.addOutput(9);
  expect([...counts.ids]).toEqual([5, 3, 9]);
  expect([...counts.outputCounts]).toEqual([0, 1, 2]);
});

test("grows past its first allocation", () => {
  const counts = new TokenCounts(Array.from({ length: 64 }, (_, i) => i));
  for (let id = 64; id < 300; id++) counts.addOutput(id);
  counts.addOutput(299);
  expect(counts.size).toBe(300);
  expect([...counts.ids]).toEqual(Array.from({ length: 300 }, (_, i) => i));
  expect([counts.outputCounts[63], counts.outputCounts[64], counts.outputCounts[299]]).toEqual([0, 1, 2]);
});
