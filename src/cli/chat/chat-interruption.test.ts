import { expect, test } from "vitest";
import { ChatInterruption } from "./chat-interruption.ts";

function start(): { readonly interruption: ChatInterruption; readonly warnings: string[] } {
  const warnings: string[] = [];
  return { interruption: new ChatInterruption(() => warnings.push("again leaves")), warnings };
}

test("before the first message it leaves at once", () => {
  const { interruption, warnings } = start();
  using _ = interruption;
  process.emit("SIGINT", "SIGINT");
  expect(interruption.signal.aborted).toBe(true);
  expect(warnings).toEqual([]);
});

test("the first stops the answer, the second leaves", async () => {
  const { interruption, warnings } = start();
  using _ = interruption;
  interruption.disarm();
  await interruption.during(async (signal) => {
    process.emit("SIGINT", "SIGINT");
    expect(signal.aborted).toBe(true);
  });
  expect([interruption.signal.aborted, warnings]).toEqual([false, []]);
  process.emit("SIGINT", "SIGINT");
  expect(interruption.signal.aborted).toBe(true);
});

test("with no answer under way the first warns, and a message between two makes them both first ones", () => {
  const { interruption, warnings } = start();
  using _ = interruption;
  interruption.disarm();
  process.emit("SIGINT", "SIGINT");
  interruption.disarm();
  process.emit("SIGINT", "SIGINT");
  expect([interruption.signal.aborted, warnings.length]).toEqual([false, 2]);
});

test("a second one while the answer is being stopped leaves", async () => {
  const { interruption } = start();
  using _ = interruption;
  interruption.disarm();
  await interruption.during(async () => {
    process.emit("SIGINT", "SIGINT");
    process.emit("SIGINT", "SIGINT");
  });
  expect(interruption.signal.aborted).toBe(true);
});

test("once disposed, it hears nothing", () => {
  const before = process.listenerCount("SIGINT");
  const { interruption } = start();
  expect(process.listenerCount("SIGINT")).toBe(before + 1);
  interruption[Symbol.dispose]();
  expect(process.listenerCount("SIGINT")).toBe(before);
});

test("where nobody reads warnings, it leaves at once when no answer is under way", () => {
  using interruption = new ChatInterruption();
  interruption.disarm();
  process.emit("SIGINT", "SIGINT");
  expect(interruption.signal.aborted).toBe(true);
});

test("SIGTERM leaves, and stops the answer under way", async () => {
  const { interruption, warnings } = start();
  using _ = interruption;
  interruption.disarm();
  await interruption.during(async (signal) => {
    process.emit("SIGTERM", "SIGTERM");
    expect(signal.aborted).toBe(true);
  });
  expect([interruption.signal.aborted, warnings]).toEqual([true, []]);
});
