import { expect, test } from "vitest";
import { pageDemand, positionCapacity } from "./page-demand.ts";

test("full attention keeps every page", () => {
  expect([0, 1, 4, 5].map((positions) => pageDemand({}, 4, positions, 2))).toEqual([0, 1, 1, 2]);
});

test("a window keeps no more pages than its positions touch, however they lie", () => {
  for (const window of [1, 2, 3, 4, 5, 8, 9])
    for (const chunk of [1, 2, 5]) {
      // Slide the chunk and the window - 1 positions before it over pages of 4, and count.
      let most = 0;
      for (let end = chunk; end < 40; end++) {
        const first = Math.max(0, end - chunk - window + 1);
        most = Math.max(most, Math.floor((end - 1) / 4) - Math.floor(first / 4) + 1);
      }
      expect(pageDemand({ window }, 4, 1000, chunk)).toBe(most);
    }
});

test("capacity is bounded by the pages that are kept", () => {
  expect(positionCapacity([{}], 4, [3])).toBe(12);
  expect(positionCapacity([{}, { window: 5 }], 4, [10, 2])).toBe(40);
  expect(positionCapacity([{}, { window: 6 }], 4, [10, 2])).toBe(8); // 6 positions can touch 3 pages
  expect(positionCapacity([{ window: 5 }], 4, [2])).toBe(Infinity);
});
