import { expect, test } from "vitest";
import { negativeLogLikelihood } from "./negative-log-likelihood.ts";

test("equal logits: the logarithm of their number", () => {
  expect(negativeLogLikelihood(new Float32Array(7).fill(3), 4)).toBeCloseTo(Math.log(7), 12);
});

test("by hand", () => {
  const logits = Float32Array.of(1, 2, -1);
  const sum = Math.exp(1) + Math.exp(2) + Math.exp(-1);
  logits.forEach((logit, i) => expect(negativeLogLikelihood(logits, i)).toBeCloseTo(Math.log(sum) - logit, 12));
});

test("large logits do not overflow, small ones do not vanish", () => {
  expect(negativeLogLikelihood(Float32Array.of(1e5, 1e5), 0)).toBeCloseTo(Math.log(2), 12);
  expect(negativeLogLikelihood(Float32Array.of(-1e5, -1e5), 1)).toBeCloseTo(Math.log(2), 12);
  expect(negativeLogLikelihood(Float32Array.of(0, 1000), 0)).toBe(1000);
});
