import { expect, test } from "vitest";
import { greedySampling } from "../../src/device/sampling.ts";
import { collect } from "../../src/engine/engine-test-kit.ts";
import { openRealModel, reasonToSkip } from "../engine/real-model.ts";

const reason = await reasonToSkip();
if (reason !== undefined) console.log(`skipped: ${reason}`);

test.skipIf(reason !== undefined)("timers fire while one long step computes", async () => {
  const tokens = 1024;
  await using model = await openRealModel({ threads: 2, activations: "int8" });
  await using engine = await model.openEngine({
    maxTokens: tokens,
    maxSequences: 1,
    pageCount: 40,
    contextLength: tokens + 1,
  });
  const promptIds = Array.from({ length: tokens }, (_, i) => (7919 * i) % 49152);

  let ticks = 0;
  let longestGap = 0;
  let last = performance.now();
  const gap = (): void => {
    const now = performance.now();
    longestGap = Math.max(longestGap, now - last);
    last = now;
  };
  const timer = setInterval(() => {
    ticks++;
    gap();
  }, 5);
  const { finished } = await collect(
    engine.generate({ promptIds, maxTokens: 1, stopIds: [], sampling: greedySampling }),
  );
  gap();
  clearInterval(timer);

  // Shares of the step's own duration: a slow or busy machine stretches both.
  const { prefillMs } = finished.timings;
  expect((await engine.stats()).steps).toBe(1);
  expect(longestGap).toBeLessThan(prefillMs / 4);
  expect(ticks).toBeGreaterThan(20);
});
