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

  test("refuses to sample, or to give logits, where the program has no sample op", () => {
    const mute = { ...program, ops: program.ops.filter(({ op }) => op !== "sample") };
    const { sampling: _, ...silent } = { ...goodStep(16), wantsLogits: false };
    checkStep(mute, limits, silent);
    expect(() => checkStep(mute, limits, { ...silent, wantsLogits: true })).toThrow(/wants logits/);
    expect(() => checkStep(mute, limits, { ...goodStep(16), wantsLogits: false })).toThrow(/no sample op/);
  });
});
