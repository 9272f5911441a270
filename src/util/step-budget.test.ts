import { expect, test } from "vitest";
import { RequestError } from "./errors.ts";
import { StepBudget } from "./step-budget.ts";

test("a budget can be spent whole, and not one step more", () => {
  const budget = new StepBudget(3, () => new RequestError("the template takes too long"));
  budget.spend(2);
  budget.spend();
  expect(budget.left).toBe(0);
  expect(() => budget.spend()).toThrow(new RequestError("the template takes too long"));
});
