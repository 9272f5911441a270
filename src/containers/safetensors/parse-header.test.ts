import { describe, expect, test } from "vitest";
import { FormatError, UnsupportedError } from "../../util/errors.ts";
import { headerLength, maxHeaderBytes, parseHeader } from "./parse-header.ts";

/** Parses a header in front of `dataBytes` of data. */
function parse(header: string, dataBytes: number) {
  const json = new TextEncoder().encode(header);
  return parseHeader(json, 8 + json.byteLength + dataBytes, "model.safetensors");
}

const tensor = (dtype: string, shape: readonly number[], begin: number, end: number): string =>
  JSON.stringify({ dtype, shape, data_offsets: [begin, end] });

describe("accepts", () => {
  test("tensors in any order, sorted by their place; offsets count from the start of the file", () => {
    const header = `{"b":${tensor("F16", [2, 3], 16, 28)},"a":${tensor("I64", [2], 0, 16)}}  `;
    expect(parse(header, 28).entries).toEqual([
      { name: "a", dtype: "I64", shape: [2], offset: 8 + header.length, byteLength: 16 },
      { name: "b", dtype: "F16", shape: [2, 3], offset: 8 + header.length + 16, byteLength: 12 },
    ]);
  });

  test("any spelling of the same JSON, with the same result as the usual one", () => {
    const fields = ['"dtype":"F16"', '"shape":[2,3]', '"data_offsets":[0,12]'];
    const usual = parse(`{"a":{${fields.join(",")}}}`.padEnd(200), 12);
    for (const text of [
      `{"a":{${fields.reverse().join(",")}}}`,
      `{ "a" : {\n${fields.join(" ,\t")}\r} }`,
      `{"\\u0061":{"\\u0064type":"F\\u00316",${fields.slice(0, 2).join(",")}}}`,
    ]) {
      expect(parse(text.padEnd(200), 12)).toEqual(usual);
    }
  });

  test("no tensors at all", () => {
    expect(parse("{}", 0).entries).toEqual([]);
  });

  test("scalars and empty tensors, also several at one place", () => {
    const header = `{"z":${tensor("F32", [0, 7], 4, 4)},"s":${tensor("F32", [], 0, 4)},"y":${tensor("U8", [0], 4, 4)},"x":${tensor("U8", [0], 0, 0)}}`;
    expect(parse(header, 4).entries.map(({ name }) => name)).toEqual(["x", "s", "z", "y"]);
  });

  test("every dtype, with sub-byte ones in whole bytes", () => {
    const bits = { BOOL: 8, U8: 8, I8: 8, I16: 16, U16: 16, I32: 32, U32: 32, I64: 64, U64: 64, F16: 16, BF16: 16 };
    const floats = { F32: 32, F64: 64, C64: 64, F8_E4M3: 8, F8_E5M2: 8, F8_E8M0: 8, F8_E4M3FNUZ: 8, F8_E5M2FNUZ: 8 };
    const all = Object.entries({ ...bits, ...floats, F4: 4, F6_E2M3: 6, F6_E3M2: 6 });
    for (const [dtype, width] of all)
      expect(parse(`{"a":${tensor(dtype, [3, 4], 0, (12 * width) / 8)}}`, (12 * width) / 8).entries).toHaveLength(1);
    expect(all).toHaveLength(22);
  });

  test("metadata, with names that objects trip over", () => {
    const { metadata, entries } = parse(
      `{"__metadata__":{"format":"pt","__proto__":"x"},"__proto__":${tensor("U8", [1], 0, 1)}}`,
      1,
    );
    expect([...metadata]).toEqual([
      ["format", "pt"],
      ["__proto__", "x"],
    ]);
    expect(entries[0].name).toBe("__proto__");
  });
});

describe("refuses", () => {
  const good = tensor("F32", [4], 0, 16);
  test.each([
    ["no object", "[]", 0, /does not begin with/],
    ["space in front", ` {"a":${good}}`, 16, /does not begin with/],
    ["nothing", "", 0, /does not begin with/],
    ["an open end", `{"a":${good}`, 16, /found its end/],
    ["text behind", `{"a":${good}} x`, 16, /after the end/],
    ["the same name twice", `{"a":${good},"a":${good}}`, 16, /"a" twice/],
    ["the same name in disguise", `{"a":${good},"\\u0061":${good}}`, 16, /"a" twice/],
    ["a field twice", `{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1, /"dtype" twice/],
    [
      "an unknown field",
      `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}}`,
      1,
      /only dtype, shape and data_offsets \(at "a", "x", character/,
    ],
    ["a missing dtype", `{"a":{"shape":[1],"data_offsets":[0,1]}}`, 1, /must have/],
    ["a missing shape", `{"a":{"dtype":"U8","data_offsets":[0,1]}}`, 1, /must have/],
    ["one offset", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}}`, 1, /must have/],
    ["three offsets", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}`, 1, /more than 2/],
    ["a negative dimension", `{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}`, 1, /non-negative/],
    ["a dimension with a leading zero", `{"a":{"dtype":"U8","shape":[01],"data_offsets":[0,1]}}`, 1, /non-negative/],
    ["a dimension of 2^53", `{"a":{"dtype":"U8","shape":[9007199254740992],"data_offsets":[0,1]}}`, 1, /above 2\^53/],
    ["a fraction", `{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}`, 1, /non-negative/],
    ["nine dimensions", `{"a":${tensor("U8", [1, 1, 1, 1, 1, 1, 1, 1, 1], 0, 1)}}`, 1, /more than 8/],
    ["begin after end", `{"a":${tensor("F32", [4], 16, 0)}}`, 16, /begins at 16, after its end at 0/],
    ["too small a range", `{"a":${tensor("F32", [5], 0, 16)}}`, 16, /needs 20 bytes, its range has 16/],
    ["a product beyond 2^53", `{"a":${tensor("U8", [2 ** 27, 2 ** 27], 0, 16)}}`, 16, /no whole number of bytes/],
    [
      "a product that is 0 modulo 2^64",
      `{"a":${tensor("U8", [2 ** 32, 2 ** 32], 0, 0)}}`,
      0,
      /no whole number of bytes/,
    ],
    ["bits beyond 2^53", `{"a":${tensor("F64", [2 ** 50], 0, 16)}}`, 16, /no whole number of bytes/],
    ["half a byte", `{"a":${tensor("F4", [3], 0, 1)}}`, 1, /no whole number of bytes/],
    ["a hole", `{"a":${tensor("U8", [8], 0, 8)},"b":${tensor("U8", [8], 16, 24)}}`, 24, /"b" leaves a hole of 8/],
    ["a hole at the start", `{"a":${tensor("U8", [8], 8, 16)}}`, 16, /hole of 8/],
    ["an overlap", `{"a":${tensor("U8", [8], 0, 8)},"b":${tensor("U8", [8], 4, 12)}}`, 12, /"b" overlaps/],
    ["the same range twice", `{"a":${good},"b":${good}}`, 16, /"b" overlaps/],
    ["a truncated file", `{"a":${good}}`, 15, /truncated/],
    ["bytes behind", `{"a":${good}}`, 17, /1 bytes follow/],
    ["bytes without tensors", "{}", 1, /1 bytes follow/],
    ["metadata that is no text", `{"__metadata__":{"a":1}}`, 0, /must be a string/],
    ["nested metadata", `{"__metadata__":{"a":{"b":"c"}}}`, 0, /must be a string/],
    ["metadata null", `{"__metadata__":null}`, 0, /expected "{"/],
    ["a metadata key of kilobytes", `{"__metadata__":{"${"a".repeat(2000)}":""}}`, 0, /longer than 1024/],
    ["two metadata", `{"__metadata__":{},"__metadata__":{}}`, 0, /twice/],
    ["a name of kilobytes", `{"${"a".repeat(2000)}":${good}}`, 16, /longer than 1024/],
    ["deep nesting", `{"a":${"[".repeat(100_000)}`, 16, /expected "{"/],
  ])("%s", (_, header, dataBytes, message) => {
    expect(() => parse(header, dataBytes)).toThrow(FormatError);
    expect(() => parse(header, dataBytes)).toThrow(message);
  });

  test("an unknown dtype, as unsupported rather than broken", () => {
    expect(() => parse(`{"a":${tensor("F2", [4], 0, 1)}}`, 1)).toThrow(UnsupportedError);
    expect(() => parse(`{"a":${tensor("constructor", [4], 0, 1)}}`, 1)).toThrow(/"constructor"; known are BOOL/);
  });

  test("more tensors than any checkpoint has", () => {
    const empty = tensor("U8", [0], 0, 0);
    const header = `{${Array.from({ length: 2 ** 18 + 1 }, (_, i) => `"${i}":${empty}`).join(",")}}`;
    expect(() => parse(header, 0)).toThrow(/more than 262144 tensors/);
  });

  test("names that would act on a terminal appear escaped", () => {
    expect(() => parse(`{"\\u001b[2J":${tensor("U8", [9], 0, 1)}}`, 1)).toThrow(/at "\\u001b\[2J", character/);
  });
});

describe("the length of the header", () => {
  const prefix = (length: bigint): Uint8Array => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, length, true);
    return bytes;
  };

  test("is read at any alignment", () => {
    const shifted = new Uint8Array(11);
    shifted.set(prefix(300n), 3);
    expect(headerLength(shifted.subarray(3), 1000, "x")).toBe(300);
  });

  test.each([
    [993n, 1000, /claims 993 bytes, but 992 follow/],
    [2n ** 63n, 1000, /claims 9223372036854775808/],
    [2n ** 64n - 1n, 1000, /claims 18446744073709551615/],
    [2n ** 53n + 1n, 2 ** 53 - 1, /claims/],
    [100_000_000n, 90, /claims 100000000/],
    [BigInt(maxHeaderBytes) + 1n, 2 ** 40, /at most 67108864 are read/],
  ])("%s in a file of %s is refused", (length, fileSize, message) => {
    expect(() => headerLength(prefix(length), fileSize, "x")).toThrow(message);
  });

  test("is missing from a file of 7 bytes", () => {
    expect(() => headerLength(new Uint8Array(7), 7, "x")).toThrow(/too few/);
  });
});
