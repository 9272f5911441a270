import { describe, expect, test } from "vitest";
import { FormatError } from "./errors.ts";
import { excessOf, isJsonObject, parseJson, parseJsonObject } from "./json.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("parseJson", () => {
  test("reads what JSON can hold, nested", () => {
    const value = parseJson(bytes('\uFEFF{"a":[1,null,"x"],"b":{"c":true}}'), "f");
    expect(JSON.stringify(value)).toBe('{"a":[1,null,"x"],"b":{"c":true}}');
  });

  test("names of Object.prototype are keys like any other", () => {
    const value = parseJsonObject(bytes('{"__proto__":{"polluted":1},"inner":{}}'), "f");
    expect(value.polluted).toBeUndefined();
    expect(value.constructor).toBeUndefined();
    expect(Object.keys(value)).toEqual(["__proto__", "inner"]);
    expect(isJsonObject(value.inner) && "toString" in value.inner).toBe(false);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test.each([
    ["malformed text", '{"a":}', "f: is not valid JSON"],
    ["a list where an object is needed", "[1]", "must hold a JSON object, found a list"],
    ["an empty file", "", "is not valid JSON"],
    ["NaN, which Python writes", '{"a":NaN}', "is not valid JSON"],
    ["a bomb of brackets", "[".repeat(100_000), "nested more than 64 levels"],
    ["65 levels", `${"[".repeat(65)}${"]".repeat(65)}`, "nested more than 64 levels"],
  ])("refuses %s", (_, text, message) => {
    expect(() => parseJsonObject(bytes(text), "f")).toThrow(FormatError);
    expect(() => parseJsonObject(bytes(text), "f")).toThrow(message);
  });

  test("64 levels and brackets in strings are fine", () => {
    expect(() => parseJson(bytes(`${"[".repeat(64)}${"]".repeat(64)}`), "f")).not.toThrow();
    expect(parseJson(bytes(`"${"[".repeat(100)}\\"${"{".repeat(100)}"`), "f")).toHaveLength(201);
  });

  test("refuses invalid UTF-8 and more bytes than the limit", () => {
    expect(() => parseJson(Uint8Array.of(0x22, 0xff, 0x22), "f")).toThrow("not valid UTF-8");
    expect(() => parseJson(bytes('"1234567"'), "f", { maxBytes: 8, maxDepth: 1 })).toThrow("has 9 bytes; at most 8");
  });
});

test("values are counted outside of strings", () => {
  const limits = { maxDepth: 8, maxValues: 4 };
  expect(excessOf(bytes("[1,2,3]"), limits)).toBeUndefined();
  expect(excessOf(bytes('[1,2,"a,b,[{\\",,"]'), limits)).toBeUndefined();
  expect(excessOf(bytes("[1,2,3,4]"), limits)).toBe("values");
  expect(excessOf(bytes('{"a":[{}]}'), limits)).toBeUndefined();
  expect(excessOf(bytes('{"a":[{}],"b":{}}'), limits)).toBe("values");
  expect(excessOf(bytes("[".repeat(9)), { maxDepth: 8, maxValues: 100 })).toBe("depth");
});
