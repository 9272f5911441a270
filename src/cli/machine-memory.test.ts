import { expect, test } from "vitest";
import { machineMemory } from "./machine-memory.ts";

test("what is free is part of what there is, and a limit is below it", () => {
  const { totalBytes, freeBytes, limitBytes } = machineMemory();
  expect(freeBytes).toBeGreaterThan(0);
  expect(freeBytes).toBeLessThanOrEqual(totalBytes);
  expect(limitBytes ?? 0).toBeLessThan(totalBytes);
});
