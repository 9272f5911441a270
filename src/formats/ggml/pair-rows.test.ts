import { expect, test } from "vitest";
import { FormatError } from "../../util/errors.ts";
import { halvesToPairs, pairsToHalves } from "./pair-rows.ts";

test("pairs of rows become halves, head by head", () => {
  // Two heads of 6 rows of 2 bytes; row 2p + a of a pair order goes to a * 3 + p.
  const bytes = Uint8Array.from({ length: 24 }, (_, i) => Math.floor(i / 2));
  pairsToHalves(bytes, 12, 2);
  const rows = Array.from({ length: 12 }, (_, row) => bytes[2 * row]);
  expect(rows).toEqual([0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11]);
});

test("halves become the same pairs again", () => {
  const bytes = Uint8Array.from({ length: 48 }, (_, i) => 7 * i);
  const moved = bytes.slice();
  pairsToHalves(moved, 16, 2);
  halvesToPairs(moved, 16, 2);
  expect(moved).toEqual(bytes);
});

test("rows that make no pairs are refused", () => {
  expect(() => pairsToHalves(new Uint8Array(12), 6, 2)).toThrow(FormatError);
  expect(() => pairsToHalves(new Uint8Array(12), 6, 4)).toThrow(FormatError);
});
