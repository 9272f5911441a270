import { expect } from "vitest";

/** The largest difference over the standard deviation of what is expected. */
export function largestError(found: Float32Array, expected: Float32Array): number {
  expect(found).toHaveLength(expected.length);
  const mean = expected.reduce((sum, value) => sum + value, 0) / expected.length;
  const variance = expected.reduce((sum, value) => sum + (value - mean) ** 2, 0) / expected.length;
  return found.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0) / Math.sqrt(variance);
}

/** The first of the largest. */
export function likeliest(logits: Float32Array): number {
  return logits.reduce((best, value, id) => (value > logits[best] ? id : best), 0);
}
