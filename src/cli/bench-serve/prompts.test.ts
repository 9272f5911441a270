import { expect, test } from "vitest";
import { FormatError } from "../../util/errors.ts";
import { filePrompts, randomPrompts, sharedPrefixPrompts } from "./prompts.ts";

const random = { count: 20, inputLength: 50, outputLength: 10, rangeRatio: 0, vocabSize: 1000, seed: 3 };

test("random ids have the length asked for, and are the same for the same seed", () => {
  const prompts = randomPrompts(random);
  expect(prompts.map(({ prompt, maxTokens }) => [prompt.length, maxTokens])).toEqual(Array(20).fill([50, 10]));
  const ids = prompts.flatMap(({ prompt }) => prompt as readonly number[]);
  expect(Math.min(...ids)).toBeGreaterThanOrEqual(256);
  expect(Math.max(...ids)).toBeLessThan(1000);
  expect(randomPrompts(random)).toEqual(prompts);
  expect(randomPrompts({ ...random, seed: 4 })).not.toEqual(prompts);
});

test("lengths vary by the ratio", () => {
  const lengths = randomPrompts({ ...random, rangeRatio: 0.5 }).map(({ prompt }) => prompt.length);
  expect(new Set(lengths).size).toBeGreaterThan(5);
  expect(Math.min(...lengths)).toBeGreaterThanOrEqual(25);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(75);
});

test("without a vocabulary there are words", () => {
  const [{ prompt }] = randomPrompts({ ...random, vocabSize: undefined });
  expect(String(prompt).split(" ")).toHaveLength(50);
});

test("prefixes are shared in turns, and what follows is not", () => {
  const sizes = { prefixes: 2, prefixLength: 8, suffixLength: 4, outputLength: 5 };
  const prompts = sharedPrefixPrompts({ ...sizes, count: 4, vocabSize: 1000, seed: 0 });
  const [a, b, c] = prompts.map(({ prompt }) => prompt as readonly number[]);
  expect(c.slice(0, 8)).toEqual(a.slice(0, 8));
  expect(b.slice(0, 8)).not.toEqual(a.slice(0, 8));
  expect(c.slice(8)).not.toEqual(a.slice(8));
});

test("ShareGPT's file: the first question, and an answer as long as the one in it", () => {
  const turn = (value: string): object => ({ from: "x", value });
  const file = [{ conversations: [turn("Why?"), turn("x".repeat(40))] }, { conversations: [turn("alone")] }, null];
  const [first, again] = filePrompts(JSON.stringify(file), "f.json", 2, undefined);
  expect(first).toEqual({ prompt: "Why?", maxTokens: 10 });
  expect(again).toEqual(first);
});

test("lines of prompts", () => {
  const text = '{"prompt":"a","output_tokens":7}\n\n{"prompt":"b"}\n';
  expect(filePrompts(text, "f.jsonl", 2, undefined)).toEqual([
    { prompt: "a", maxTokens: 7 },
    { prompt: "b", maxTokens: 256 },
  ]);
  expect(filePrompts(text, "f.jsonl", 1, 3)).toEqual([{ prompt: "a", maxTokens: 3 }]);
});

test.each(["", "[]", "[7]", '{"text":"a"}', "{", "[{"])("what is no file of prompts is refused: %j", (text) => {
  expect(() => filePrompts(text, "f", 1, undefined)).toThrow(FormatError);
});
