import { expect, test } from "vitest";
import { chooseDtype } from "./choose-dtype.ts";

test.each([
  ["what is asked for, before what is stored", { dtype: "f16", storedDtype: "bf16" }, ["f32", "f16"], "f16"],
  ["what is stored", { storedDtype: "bf16" }, ["f32", "f16", "bf16"], "bf16"],
  ["the backend's own, where nobody says anything", {}, ["f16", "f32"], "f16"],
  ["f32 in place of a type that the backend lacks", { dtype: "bf16" }, ["f32"], "f32"],
  ["f32 in place of a stored type that it lacks", { storedDtype: "f16" }, ["bf16", "f32"], "f32"],
] as const)("takes %s", (_, options, types, expected) => {
  expect(chooseDtype("some", types, options)).toBe(expected);
});

test("refuses what no type of the backend holds", () => {
  expect(() => chooseDtype("some", ["f16", "bf16"], { dtype: "f32" })).toThrow(
    "the some backend computes in f16 or bf16; dtype f32 needs another",
  );
});
