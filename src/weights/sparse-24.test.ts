import { describe, expect, test } from "vitest";
import { FormatError } from "../util/errors.ts";
import type { Sparse24Weight } from "./packed-weight.ts";
import { checkPositions, legalPositions, positionsAddress, sparseCodeAddress } from "./sparse-24.ts";

type Place = readonly [row: number, word: number, shift: number];

describe("addresses of 2:4 weights, made by an independent implementation", () => {
  const shape = { inFeatures: 64, outFeatures: 128 };
  test.each<readonly [4 | 8, readonly [number, number], Place]>([
    [4, [1, 0], [0, 0, 16]],
    [4, [0, 1], [0, 1, 0]],
    [4, [0, 4], [0, 0, 8]],
    [4, [17, 70], [1, 130, 24]],
    [8, [0, 4], [0, 1, 0]],
    [8, [17, 70], [1, 261, 16]],
  ])("%i bit: the code of (kc, n) = %j is at %j", (bits, [kc, n], [row, word, shift]) => {
    expect(sparseCodeAddress({ ...shape, bits }, kc, n)).toBe(32 * (row * ((128 * bits) / 2) + word) + shift);
  });

  test.each<readonly [readonly [number, number], Place]>([
    [
      [4, 0],
      [0, 0, 4],
    ],
    [
      [16, 0],
      [0, 2, 0],
    ],
    [
      [0, 1],
      [0, 4, 0],
    ],
    [
      [0, 2],
      [0, 64, 0],
    ],
    [
      [0, 4],
      [0, 1, 0],
    ],
    [
      [20, 70],
      [0, 195, 4],
    ],
    [
      [63, 63],
      [1, 127, 12],
    ],
  ])("the positions of (k, n) = %j are at %j", ([k, n], [row, column, shift]) => {
    const bit = positionsAddress({ ...shape, bits: 4 }, Math.floor(k / 4), n);
    expect(bit).toBe(16 * (row * 256 + column) + shift);
  });
});

const empty: Omit<Sparse24Weight, "positions"> = {
  scheme: "sparse-24",
  inFeatures: 32,
  outFeatures: 64,
  bits: 4,
  groupSize: 32,
  codes: new Uint8Array(0),
  scales: new Uint8Array(0),
  scaleType: "f16",
};

test("of sixteen nibbles six name two positions in order", () => {
  for (let nibble = 0; nibble < 16; nibble++) {
    const isLegal = (nibble & 3) < nibble >> 2;
    expect(legalPositions.has(nibble)).toBe(isLegal);
    for (const byte of [nibble | 0x40, (nibble << 4) | 4]) {
      const check = (): void => {
        checkPositions({ ...empty, positions: Uint8Array.of(0x44, byte) }, "layer");
      };
      if (isLegal) check();
      else
        expect(check).toThrow(
          new FormatError(`layer: positions hold ${nibble}, which names no two of four inputs in order`),
        );
    }
  }
});
