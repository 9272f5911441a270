import { expect, test } from "vitest";
import { closest, didYouMean } from "./closest.ts";

const commands = ["/help", "/reset", "/retry", "/save", "/set", "/system"];

test.each([
  ["/sytem", "/system"], // left out
  ["/hlep", "/help"], // swapped
  ["/retryy", "/retry"], // put in
  ["/zave", "/save"], // replaced
  ["/HELP", "/help"],
  ["/sys", "/system"], // its beginning
  ["/syst", "/system"],
  ["/re", "/reset"],
  ["/nonsense", undefined],
  ["", undefined],
])("%s is meant as %s", (word, expected) => {
  expect(closest(word, commands)).toBe(expected);
});

test("the first of equals is taken, and a name of megabytes takes no minutes", () => {
  expect(closest("cpx", ["cpu", "cpy"])).toBe("cpu");
  expect(closest("x".repeat(2 ** 20), ["y".repeat(2 ** 20)])).toBeUndefined();
});

test("a hint is the end of a message, or nothing", () => {
  expect(didYouMean("/stats", ["/stat"])).toBe(" (did you mean /stat?)");
  expect(didYouMean("bench", ["run"])).toBe("");
});
