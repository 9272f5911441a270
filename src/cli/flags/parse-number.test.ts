import { describe, expect, test } from "vitest";
import { byteCount, integer, number } from "./parse-number.ts";

describe("integer", () => {
  test.each([
    ["0", 0],
    ["+7", 7],
    ["1e1", 10],
    ["10", 10],
  ])("%j", (text, expected) => {
    expect(integer({ from: 0, to: 10 })(text)).toBe(expected);
  });

  test.each(["", "abc", "1.5", "1e2", "1e-1", "1e999", "-1", "11", "0x5", "9007199254740993"])("refuses %j", (text) => {
    expect(() => integer({ from: 0, to: 10 })(text)).toThrow("from 0 to 10");
  });

  test("without an upper end, what is no safe integer is refused", () => {
    expect(() => integer({ from: 1 })("9007199254740993")).toThrow("at least 1");
  });

  test("without any end, none is named", () => {
    expect(() => integer({ from: Number.MIN_SAFE_INTEGER })("1.5")).toThrow("It must be an integer.");
  });
});

describe("number", () => {
  test.each([
    ["0.5", 0.5],
    ["1e-3", 0.001],
    ["1", 1],
  ])("%j", (text, expected) => {
    expect(number({ from: 0, to: 1 })(text)).toBe(expected);
  });

  test.each(["", " ", "NaN", "Infinity", "-0.1", "1.01", "1,5"])("refuses %j", (text) => {
    expect(() => number({ from: 0, to: 1 })(text)).toThrow("from 0 to 1");
  });

  test("without an upper end", () => {
    expect(number({ from: 0 })("1e9")).toBe(1e9);
    expect(() => number({ from: 0 })("-1")).toThrow("at least 0");
  });
});

test("sizes have units, of a thousand and of 1,024", () => {
  expect(["1", "800M", "4GiB", "1.5e9", "2 kb", "3Ki"].map(byteCount)).toEqual([1, 8e8, 2 ** 32, 1.5e9, 2000, 3072]);
  for (const text of ["", "0", "-1", "M", "4TB", "1e400", "0.2", "0x10", "i", "3i"])
    expect(() => byteCount(text)).toThrow("a size in bytes");
});
