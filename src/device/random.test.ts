import { describe, expect, test } from "vitest";
import { philox, uniformAt } from "./random.ts";

describe("philox", () => {
  // Random123, tests/kat_vectors, philox4x32 10.
  test.each([
    [[0, 0, 0, 0], [0, 0], "6627e8d5 e169c58d bc57ac4c 9b00dbd8"],
    [[0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff], "408f276d 41c83b0e a20bc7c6 6d5451fd"],
    [[0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0], "d16cfe09 94fdcceb 5001e420 24126ea1"],
  ] as const)("known answer %#", (counter, key, answer) => {
    const words = philox([...counter], [...key]);
    expect(words.map((word) => word.toString(16).padStart(8, "0")).join(" ")).toBe(answer);
  });
});

describe("uniformAt", () => {
  test("golden values for other languages to repeat, in units of 2^-24", () => {
    const drawn = [
      [0, 0, 0],
      [0, 0, 1],
      [42, 0, 7],
      [0xdeadbeef, 0x1fffff, 131071],
    ].map(([low, high, position]) => uniformAt(low, high, position) * 2 ** 24);
    expect(drawn).toEqual([6694888, 16311500, 6012291, 10341864]);
  });

  test("is uniform over positions and over seeds", () => {
    for (const at of [(i: number) => uniformAt(5, 0, i), (i: number) => uniformAt(i, 0, 5)]) {
      const counts = new Array<number>(16).fill(0);
      for (let i = 0; i < 16_000; i++) counts[Math.floor(at(i) * 16)]++;
      const chiSquared = counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
      expect(chiSquared).toBeLessThan(37.7); // 15 degrees of freedom, one in a thousand
    }
  });
});
