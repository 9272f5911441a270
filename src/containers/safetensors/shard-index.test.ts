import { expect, test } from "vitest";
import { FormatError } from "../../util/errors.ts";
import { parseShardIndex } from "./shard-index.ts";

const parse = (text: string) => parseShardIndex(new TextEncoder().encode(text), "index.json");

test("the weight map in its order; metadata and unknown keys are passed over", () => {
  const index = {
    metadata: { total_size: 1.5e9, total_parameters: null, notes: [["x"]] },
    weight_map: { b: "model-00002-of-00002.safetensors", a: "model-00001-of-00002.safetensors" },
    extra: true,
  };
  expect([...parse(JSON.stringify(index, null, 2))]).toEqual(Object.entries(index.weight_map));
});

test("names that objects trip over are names", () => {
  expect([...parse('{"weight_map":{"__proto__":"m.safetensors"}}')]).toEqual([["__proto__", "m.safetensors"]]);
});

test.each([
  ["no weight_map", "{}"],
  ["an empty weight_map", '{"weight_map":{}}'],
  ["a list", '{"weight_map":[]}'],
  ["a number as file", '{"weight_map":{"a":1}}'],
  ["a tensor twice", '{"weight_map":{"a":"x","a":"y"}}'],
  ["weight_map twice", '{"weight_map":{"a":"x"},"weight_map":{"a":"y"}}'],
  ["text behind", '{"weight_map":{"a":"x"}}}'],
  ["deep metadata", `{"metadata":${"[".repeat(100_000)}`],
  ["an open string", '{"weight_map":{"a":"x'],
])("%s is refused", (_, text) => {
  expect(() => parse(text)).toThrow(FormatError);
});

test.each([
  "",
  ".",
  "..",
  "../x.safetensors",
  "a/b.safetensors",
  "a\\b.safetensors",
  "/etc/passwd",
  "C:x",
  "https://host/x.safetensors",
  "x\u0000.safetensors",
  "x\n",
  "a..b",
  "%2e%2e%2fx",
  "x?y",
  "x#y",
  "x".repeat(256),
])("the file name %j is refused", (name) => {
  expect(() => parse(JSON.stringify({ weight_map: { a: name } }))).toThrow(/only plain file names/);
});

test("more files than any checkpoint has", () => {
  const map = Object.fromEntries(Array.from({ length: 4097 }, (_, i) => [`t${i}`, `f${i}`]));
  expect(() => parse(JSON.stringify({ weight_map: map }))).toThrow(/more than 4096 files/);
});
