import { expect, test } from "vitest";
import { erf } from "./erf.ts";

/** From tables, to 15 digits. */
test.each([
  [0, 0],
  [1e-10, 1.1283791670955126e-10],
  [0.5, 0.5204998778130465],
  [1, 0.8427007929497149],
  [2, 0.9953222650189527],
  [2.999, 0.9999777698314002],
  [3, 0.9999779095030014],
  [4, 0.9999999845827421],
  [10, 1],
])("erf(±%f)", (x, expected) => {
  expect(Math.abs(erf(x) - expected)).toBeLessThanOrEqual(1e-15);
  expect(erf(-x)).toBe(-erf(x));
});

test("both halves meet", () => {
  expect(Math.abs(erf(3 - 1e-15) - erf(3))).toBeLessThan(1e-15);
});

test("what is not a number stays so", () => expect(erf(NaN)).toBeNaN());
