import { describe, expect, test } from "vitest";
import { FormatError } from "../../util/errors.ts";
import { JsonScanner } from "./json-scanner.ts";

const scanner = (text: string): JsonScanner => new JsonScanner(new TextEncoder().encode(text), "x");

function readString(text: string, maxLength = 100): string {
  const json = scanner(text);
  const value = json.string("it", maxLength);
  json.end();
  return value;
}

function readIntegers(text: string, maxLength = 8): number[] {
  const json = scanner(text);
  const values = json.integers("it", maxLength);
  json.end();
  return values;
}

function skip(text: string, maxDepth = 3): void {
  const json = scanner(text);
  json.skip("it", maxDepth);
  json.end();
}

describe("strings", () => {
  test.each(['""', '"a b"', '"\\"\\\\\\/\\b\\n\\u0041"', '"größe 模型 😀"', '"\\ud83d\\ude00"', ' \t\r\n"x" '])(
    "%s reads as JSON.parse does",
    (text) => {
      expect(readString(text)).toBe(JSON.parse(text));
    },
  );

  test.each([
    "",
    "x",
    '"',
    '"a',
    '"a\\',
    '"a\\"',
    '"a\nb"',
    '"\\x41"',
    '"\\u12g4"',
    '"\\ud800"',
    '"\\ude00\\ud83d"',
    '"a"b',
    "'a'",
  ])("%j is refused", (text) => {
    expect(() => readString(text)).toThrow(FormatError);
  });

  test("the limit counts what the string says, not how it is escaped", () => {
    expect(readString('"\\u0041\\u0042"', 2)).toBe("AB");
    expect(() => readString('"\\u0041\\u0042\\u0043"', 2)).toThrow(/longer than 2/);
    expect(() => readString('"abc"', 2)).toThrow(/longer than 2/);
  });
});

describe("integers", () => {
  test.each(["[]", "[0]", "[ 1 , 20 ]", "[9007199254740991]"])("%s reads as JSON.parse does", (text) => {
    expect(readIntegers(text)).toEqual(JSON.parse(text));
  });

  test.each([
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1",
    "[-1]",
    "[-0]",
    "[1.0]",
    "[1e3]",
    "[01]",
    "[00]",
    "[+1]",
    "[0x1]",
    "[NaN]",
    '["1"]',
    "[[1]]",
    "[null]",
    "[9007199254740992]",
    "[99999999999999999999999999]",
    "[1]]",
    "1",
  ])("%s is refused", (text) => {
    expect(() => readIntegers(text)).toThrow(FormatError);
  });

  test("no more than the limit", () => {
    expect(readIntegers("[1,2]", 2)).toEqual([1, 2]);
    expect(() => readIntegers("[1,2,3]", 2)).toThrow(/more than 2/);
  });
});

describe("objects", () => {
  const keys = (text: string): string[] => {
    const found: string[] = [];
    const json = scanner(text);
    json.object("it", 12, (key) => {
      found.push(key);
      json.skip("value", 2);
    });
    json.end();
    return found;
  };

  test("keys in order, special names inert", () => {
    expect(keys('{"b":1,"__proto__":2,"constructor":3,"a":[{}]}')).toEqual(["b", "__proto__", "constructor", "a"]);
    expect(keys(" { } ")).toEqual([]);
  });

  test.each([
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '{"a":1,}',
    '{"a"}',
    '{"a":}',
    '{"a" 1}',
    "{a:1}",
    '{"a":1',
    '{"a":1}{}',
    "[]",
    '{"longer than twelve":1}',
  ])("%s is refused", (text) => {
    expect(() => keys(text)).toThrow(FormatError);
  });
});

describe("skipping", () => {
  test.each(["1", "-1.5e+3", "true", "null", '"x"', "[]", "[1,[2,{}]]", '{"a":{"b":[1]}}'])("%s passes", (text) => {
    expect(() => skip(text)).not.toThrow();
  });

  test.each(["tru", "-", "1.", ".5", "[1", "[1,]", '{"a":1,"a":1}', "[[[[1]]]]", "undefined", ""])(
    "%j does not",
    (text) => {
      expect(() => skip(text)).toThrow(FormatError);
    },
  );

  test("depth does not reach the stack", () => {
    expect(() => skip("[".repeat(1_000_000))).toThrow(/nested too deeply/);
  });
});

test("only UTF-8, and no byte order mark", () => {
  expect(() => new JsonScanner(Uint8Array.of(0x22, 0xff, 0x22), "file")).toThrow(/file: .*UTF-8/);
  expect(() => readString("\ufeff" + '"a"')).toThrow(FormatError);
});
