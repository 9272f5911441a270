import { describe, expect, test } from "vitest";
import { FormatError, UnsupportedError } from "../util/errors.ts";
import { ConfigReader } from "./config-reader.ts";

const range = { min: 1, max: 100 };
const read = (values: unknown) => new ConfigReader(values, "config.json");

describe("ConfigReader", () => {
  test("reads what is there and falls back where nothing or null is", () => {
    const config = read({ layers: 3, eps: 0.5, tied: true, act: "silu", none: null, list: [1, 2], names: ["a"] });
    expect(config.integer("layers", range)).toBe(3);
    expect(config.number("eps", { min: 0, max: 1 })).toBe(0.5);
    expect(config.boolean("tied", false)).toBe(true);
    expect(config.optionalString("act")).toBe("silu");
    expect(config.numbers("list", 2, range)).toEqual([1, 2]);
    expect(config.optionalStrings("names")).toEqual(["a"]);
    for (const key of ["none", "missing"]) {
      expect(config.integer(key, range, 7)).toBe(7);
      expect(config.number(key, range, 1.5)).toBe(1.5);
      expect(config.boolean(key, true)).toBe(true);
      expect(config.optionalInteger(key, range)).toBeUndefined();
      expect(config.optionalObject(key)).toBeUndefined();
    }
    expect([config.has("none"), config.has("missing")]).toEqual([true, false]);
  });

  test.each([
    [{ n: 101 }, "config.json: n: expected an integer from 1 to 100, found 101"],
    [{ n: 0 }, "found 0"],
    [{ n: 2.5 }, "found 2.5"],
    [{ n: 2 ** 60 }, "found 1152921504606847000"],
    [{ n: "12" }, 'found "12"'],
    [{ n: [1] }, "found a list of 1"],
    [{ n: {} }, "found an object"],
    [{ n: null }, "found nothing"],
    [{}, "found nothing"],
  ])("refuses %j as an integer", (values, message) => {
    expect(() => read(values).integer("n", range)).toThrow(FormatError);
    expect(() => read(values).integer("n", range)).toThrow(message);
  });

  test("numbers must be finite, in range and as many as expected", () => {
    expect(() => read({ n: NaN }).number("n", range)).toThrow("expected a number from 1 to 100, found NaN");
    expect(() => read({ n: Infinity }).number("n", range)).toThrow("found Infinity");
    expect(() => read({ n: [1, 2, 3] }).numbers("n", 2, range)).toThrow("expected a list of 2 numbers");
    expect(() => read({ n: [1, "2"] }).numbers("n", 2, range)).toThrow(FormatError);
    expect(() => read({}).numbers("n", 2, range)).toThrow("found nothing");
  });

  test("other types are refused by name", () => {
    expect(() => read({ b: 1 }).boolean("b", true)).toThrow("b: expected true or false, found 1");
    expect(() => read({ s: 1 }).optionalString("s")).toThrow("s: expected a string, found 1");
    expect(() => read({ l: ["a", 1] }).optionalStrings("l")).toThrow("l: expected a list of strings, found a list of 2");
    expect(() => read([])).toThrow("config.json: expected an object, found a list of 0");
    expect(() => read(null)).toThrow("found null");
  });

  test("messages of a nested object name the way to it", () => {
    const nested = read({ rope_scaling: { factor: "x" } }).optionalObject("rope_scaling");
    expect(() => nested?.number("factor", range)).toThrow('config.json: rope_scaling: factor: expected a number');
  });

  test("keys that every object inherits are not keys of the config", () => {
    expect(read({}).optionalString("toString")).toBeUndefined();
    expect(read({}).has("constructor")).toBe(false);
  });

  test("a legal value that cannot be run is another class of error", () => {
    const refuse = () => read({ hidden_act: "gelu" }).refuse("hidden_act", "silu");
    expect(refuse).toThrow(UnsupportedError);
    expect(refuse).toThrow('config.json: hidden_act: "gelu" is not supported; supported: silu');
  });
});
