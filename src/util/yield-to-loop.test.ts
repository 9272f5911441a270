import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { postToSelf, yieldToLoop } from "./yield-to-loop.ts";

test.each([
  ["yieldToLoop", yieldToLoop],
  ["postToSelf", () => new Promise<void>(postToSelf)],
])("%s lets timers run", async (_, turn) => {
  let hasRun = false;
  const timer = delay(1).then(() => (hasRun = true));
  const start = performance.now();
  while (!hasRun && performance.now() - start < 5000) await turn();
  expect(hasRun).toBe(true);
  await timer;
});
