import { expect, test } from "vitest";
import { Watchdog } from "./watchdog.ts";

const options = { stepTimeoutMs: 3_000, heartbeatTimeoutMs: 2_000, intervalMs: 1_000 };

test("a process that answers and steps is left alone", () => {
  const watchdog = new Watchdog(options);
  for (let steps = 0; steps < 20; steps++) {
    expect(watchdog.ask()).toBeUndefined();
    watchdog.hear({ steps, waiting: 1, running: 2 });
  }
});

test("a process that does not answer", () => {
  const watchdog = new Watchdog(options);
  expect([watchdog.ask(), watchdog.ask()]).toEqual([undefined, undefined]);
  expect(watchdog.ask()).toBe("has not answered for 2 s (its heartbeat)");
});

test("a process that answers, and is in one step for ever", () => {
  const watchdog = new Watchdog(options);
  for (let i = 0; i < 4; i++) {
    expect(watchdog.ask()).toBeUndefined();
    watchdog.hear({ steps: 7, waiting: 0, running: 1 });
  }
  expect(watchdog.ask()).toBe("has been in one step for 3 s (--step-timeout)");
});

test("one with nothing to do makes no steps, and what was before is forgotten", () => {
  const watchdog = new Watchdog(options);
  for (let i = 0; i < 10; i++) {
    expect(watchdog.ask()).toBeUndefined();
    watchdog.hear({ steps: 7, waiting: 0, running: 0 });
  }
  watchdog.ask();
  watchdog.ask();
  watchdog.rest();
  expect(watchdog.ask()).toBeUndefined();
});

test("steps of any length, where that is wanted", () => {
  const watchdog = new Watchdog({ ...options, stepTimeoutMs: Infinity });
  for (let i = 0; i < 1000; i++) {
    expect(watchdog.ask()).toBeUndefined();
    watchdog.hear({ steps: 0, waiting: 0, running: 1 });
  }
});
