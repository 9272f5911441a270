import { expect, test } from "vitest";
import { planMemory } from "./plan-memory.ts";

const base = { pageKinds: [{}], pageSize: 16, contextLength: 4096, maxSequences: 1, stepTokens: 512, maxOutputs: 1 };

test("one whole context for one sequence", () => {
  expect(planMemory(base)).toEqual({ maxTokens: 512, maxSequences: 1, maxOutputs: 1, pageSize: 16, pageCounts: [256] });
  expect(planMemory({ ...base, contextLength: 17 }).pageCounts).toEqual([2]);
});

test("1,024 positions for each further sequence", () => {
  expect(planMemory({ ...base, maxSequences: 4 })).toMatchObject({ maxOutputs: 4, pageCounts: [256 + 3 * 64] });
  expect(planMemory({ ...base, contextLength: 16, maxSequences: 3 }).pageCounts).toEqual([3]);
});

test("a window needs its own positions and those of a step", () => {
  const { pageCounts } = planMemory({ ...base, pageKinds: [{}, { window: 128 }] });
  expect(pageCounts).toEqual([256, Math.ceil((512 + 126) / 16) + 1]);
});

test("as many positions as asked for, but no more than can be used", () => {
  expect(planMemory({ ...base, maxSequences: 8, cachePositions: 10_000 }).pageCounts).toEqual([625]);
  expect(planMemory({ ...base, maxSequences: 2, cachePositions: 1e9 }).pageCounts).toEqual([512]);
});

test("a step holds a token of every sequence", () => {
  expect(planMemory({ ...base, maxSequences: 64, stepTokens: 16 }).maxTokens).toBe(64);
});
