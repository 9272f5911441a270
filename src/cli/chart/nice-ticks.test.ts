import { expect, test } from "vitest";
import { niceTicks } from "./nice-ticks.ts";

test.each([
  [0, 10, 5, [0, 2, 4, 6, 8, 10]],
  [0, 0.07, 4, [0, 0.02, 0.04, 0.06, 0.08]],
  [3, 97, 5, [0, 20, 40, 60, 80, 100]],
  [-5, 5, 4, [-5, 0, 5]],
  [7, 7, 2, [5, 10]],
  [0, 0, 4, [0, 0.5]],
])("from %d to %d, about %d", (low, high, about, ticks) => {
  expect(niceTicks(low, high, about)).toEqual(ticks);
});
