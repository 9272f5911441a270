import { expect, test } from "vitest";
import { StepPace } from "./step-pace.ts";

/** A pace that has seen steps of these sizes, on a device of 40 ms a step and 2 ms a token. */
function paceOf(sizes: readonly number[]): StepPace {
  const pace = new StepPace();
  for (const tokens of sizes) pace.observe(tokens, 40 + 2 * tokens);
  return pace;
}

test("whoever decodes waits three times as long, whatever their number", () => {
  const pace = paceOf([512, 16, 16, 40, 1]);
  for (const decoding of [4, 16, 100]) {
    const alone = 40 + 2 * decoding;
    const beside = alone + 2 * pace.promptTokens(decoding);
    expect(beside / alone).toBeCloseTo(3, 1);
  }
});

test("steps of 50 ms are short enough for everybody", () => {
  const pace = new StepPace();
  for (const tokens of [512, 16, 1]) pace.observe(tokens, 5 + 0.5 * tokens);
  const alone = 5 + 0.5;
  expect(alone + 0.5 * pace.promptTokens(1)).toBeCloseTo(50, 0);
  const many = 5 + 0.5 * 40;
  expect((many + 0.5 * pace.promptTokens(40)) / many).toBeCloseTo(3, 1);
});

test("where nobody waits, prompts have all of a step; where many do, still something", () => {
  const pace = paceOf([512, 1]);
  expect(pace.promptTokens(0)).toBe(Infinity);
  const hasty = new StepPace();
  for (const tokens of [512, 1, 100]) hasty.observe(tokens, 0.1 + 8 * tokens);
  expect(hasty.promptTokens(1)).toBe(16);
});

test("steps of one size do not spoil what is known", () => {
  const known = paceOf([512, 16]);
  const later = paceOf([512, 16, ...Array<number>(2000).fill(16)]);
  expect(Math.abs(later.promptTokens(100) - known.promptTokens(100))).toBeLessThan(3);
});

test("it follows a device that becomes another", () => {
  const pace = paceOf([512, 16, 8]);
  for (let i = 0; i < 200; i++) pace.observe(i % 2 === 0 ? 16 : 300, 5 + 0.01 * (i % 2 === 0 ? 16 : 300));
  expect(pace.promptTokens(16)).toBeGreaterThan(300);
});
