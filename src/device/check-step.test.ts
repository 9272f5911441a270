import { describe, expect, test } from "vitest";
import { badStepLimits, badSteps, everyOp, goodStep } from "../../test/conformance/bad-steps.ts";
import { RequestError } from "../util/errors.ts";
import { checkProgram } from "./check-program.ts";
import { checkStep } from "./check-step.ts";
import type { Step } from "./step.ts";

describe("checkStep", () => {
  const program = everyOp().program();
  const limits = { ...badStepLimits, pageSize: 16 };
  const check = (step: Step): void => checkStep(program, limits, step);

  test("accepts what the bad steps are made from", () => {
    checkProgram(program);
    check(goodStep(16));
  });

  test("accepts no outputs, and no sampling", () => {
    const { sampling: _, ...step } = goodStep(16);
    check({ ...step, outputs: new Int32Array(0) });
  });

  test.each(badSteps)("refuses %s", (_, refusal, change) => {
    const step = goodStep(16);
    const bad = (): void => check({ ...step, ...change(step, 16) });
    expect(bad).toThrow(RequestError);
    expect(bad).toThrow(refusal);
  });

  test("a window asks for exactly the pages that it sees", () => {
    // From position 48 on a window of 17 begins at 32, the first position of page 2; one of 18 sees the last of page 1.
    const lacking = goodStep(16);
    lacking.pageTables[1].pages[5] = -1;
    const withWindow = (window: number) => ({ ...program, pageKinds: [{}, { window }] });
    expect(() => checkStep(withWindow(17), limits, lacking)).not.toThrow();
    expect(() => checkStep(withWindow(18), limits, lacking)).toThrow(/sequence 1 needs positions from 16 on/);
    expect(() => checkStep(withWindow(18), limits, goodStep(16))).not.toThrow();
  });

  test("refuses to sample, or to give logits, where the program has no sample op", () => {
    const mute = { ...program, ops: program.ops.filter(({ op }) => op !== "sample") };
    const { sampling: _, ...silent } = { ...goodStep(16), wantsLogits: false };
    checkStep(mute, limits, silent);
    expect(() => checkStep(mute, limits, { ...silent, wantsLogits: true })).toThrow(/wants logits/);
    expect(() => checkStep(mute, limits, { ...goodStep(16), wantsLogits: false })).toThrow(/no sample op/);
  });
});
