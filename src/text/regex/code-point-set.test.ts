import { expect, test } from "vitest";
import { seededRandom } from "../../../test/support/seeded-random.ts";
import { CharTable } from "./char-table.ts";
import { CodePointSet, maxCodePoint } from "./code-point-set.ts";

test("ranges are kept ascending, apart and merged where they touch", () => {
  expect(
    CodePointSet.fromRanges([
      [5, 9],
      [1, 2],
      [3, 3],
      [7, 12],
    ]).ranges,
  ).toEqual([1, 3, 5, 12]);
  expect(CodePointSet.of(7, 7).single).toBe(7);
  expect(CodePointSet.of(7, 8).single).toBeUndefined();
  expect(CodePointSet.all.complement().ranges).toEqual([]);
  expect(CodePointSet.empty.complement().ranges).toEqual([0, maxCodePoint]);
});

test("sets agree with sets of numbers, and tables with sets", () => {
  const below = seededRandom(7);
  const borders = [0, 255, 256, 257, 0xffff, 0x10000, maxCodePoint - 1, maxCodePoint];
  const random = () => (below(3) === 0 ? borders[below(borders.length)] : below(600));
  for (let round = 0; round < 100; round++) {
    const make = () => {
      const members = Array.from({ length: below(12) }, random);
      return { members: new Set(members), set: CodePointSet.of(...members) };
    };
    const [a, b] = [make(), make()];
    const [union, common, difference, rest] = [
      a.set.union(b.set),
      a.set.intersect(b.set),
      a.set.minus(b.set),
      a.set.complement(),
    ];
    const tables = [union, rest].map((set) => CharTable.of(set));
    const wrong = [...borders, ...Array.from({ length: 600 }, (_, i) => i)].filter((c) => {
      const [inA, inB] = [a.members.has(c), b.members.has(c)];
      const expected = [inA || inB, inA && inB, inA && !inB, !inA, inA || inB, !inA];
      return [union, common, difference, rest, ...tables].some((set, i) => set.has(c) !== expected[i]);
    });
    expect(wrong).toEqual([]);
    expect([...a.set.members()]).toEqual([...a.members].sort((x, y) => x - y));
    expect(a.set.size).toBe(a.members.size);
  }
});
