import { expect, test } from "vitest";
import { lossOfFloats, lossOfShift } from "./convert-floats.ts";

test("rounding to a type is a loss where it changes a value", () => {
  expect(lossOfFloats(Float32Array.of(1, 0.5, -3), "f16")).toBeUndefined();
  expect(lossOfFloats(Float32Array.of(0.1), "f32")).toBeUndefined();
  expect(lossOfFloats(Float32Array.of(1, 0.1), "bf16")?.maxError).toBeCloseTo(2.44e-5 * 4, 6);
});

test("taking 1 away is a loss where the difference cannot hold all bits", () => {
  expect(lossOfShift(new Float32Array(0))).toBeUndefined();
  expect(lossOfShift(Float32Array.of(0.5, 0.7, 1.1, 1.9, 0.25))).toBeUndefined();
  expect(lossOfShift(Float32Array.of(0.1))?.maxError).toBeGreaterThan(0);
  expect(lossOfShift(Float32Array.of(0.1))?.maxError).toBeLessThan(2 ** -24);
});
