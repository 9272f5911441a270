import { expect, test } from "vitest";
import { float8Table } from "./float8.ts";

test("e4m3fn: the published vectors, and no infinity", () => {
  const table = float8Table("e4m3fn");
  expect([0x00, 0x01, 0x08, 0x38, 0x40, 0x7e, 0x7f, 0xc4].map((byte) => table[byte])).toEqual([
    0,
    2 ** -9,
    2 ** -6,
    1,
    2,
    448,
    NaN,
    -3,
  ]);
  expect(table[0x80]).toBe(-0);
  expect(Math.max(...table.filter((value) => !Number.isNaN(value)))).toBe(448);
  expect(table.filter(Number.isNaN).length).toBe(2);
});

test("e5m2: a small IEEE format", () => {
  const table = float8Table("e5m2");
  expect([0x01, 0x04, 0x3c, 0x7b, 0x7c, 0xfc, 0x7d, 0xff].map((byte) => table[byte])).toEqual([
    2 ** -16,
    2 ** -14,
    1,
    57344,
    Infinity,
    -Infinity,
    NaN,
    NaN,
  ]);
});

test.each([
  ["e4m3fnuz", "e4m3fn", 240],
  ["e5m2fnuz", "e5m2", 57344],
] as const)("%s: half the value of the same byte, 0x80 the only NaN", (fnuz, fn, largest) => {
  const [half, full] = [float8Table(fnuz), float8Table(fn)];
  expect(half[0x80]).toBeNaN();
  expect(half.filter(Number.isNaN).length).toBe(1);
  for (let byte = 0; byte < 256; byte++) {
    if (byte !== 0x80 && Number.isFinite(full[byte])) expect(half[byte]).toBe(full[byte] / 2);
  }
  expect(Math.max(...half.filter((value) => !Number.isNaN(value)))).toBe(largest);
});

test("e8m0: powers of two, down to an f32 subnormal", () => {
  const table = float8Table("e8m0");
  expect(table[0]).toBe(2 ** -127);
  expect(table[127]).toBe(1);
  expect(table[254]).toBe(2 ** 127);
  expect(table[255]).toBeNaN();
  for (let byte = 1; byte < 255; byte++) expect(table[byte]).toBe(table[byte - 1] * 2);
});
