import { expect, test } from "vitest";
import type { GenerationEvent } from "../llm/generation.ts";
import type { Tokenizer } from "../text/tokenizer/tokenizer.ts";
import { spellAnswer } from "./spell-answer.ts";

const words = ["<s>", "Hello", " there", "</s>"];
const isSpecial = (id: number): boolean => words[id].startsWith("<");
const tokenizer: Tokenizer = {
  vocabSize: words.length,
  longestToken: 6,
  encode: () => [],
  decode: (ids, { skipSpecial = false } = {}) =>
    ids
      .filter((id) => !skipSpecial || !isSpecial(id))
      .map((id) => words[id])
      .join(""),
  isSpecial,
  tokenId: (token) => words.indexOf(token),
  token: (id) => words[id],
};

const events = [
  { type: "token", id: 1, logprob: 0 },
  { type: "text", text: "Hello" },
  { type: "token", id: 2, logprob: 0 },
  { type: "text", text: " there" },
  { type: "token", id: 3, logprob: 0 },
  { type: "finished" },
] as readonly GenerationEvent[];

test.each([
  ["text", tokenizer, false, "Hello there"],
  ["special tokens too", tokenizer, true, "Hello there</s>"],
  ["ids", undefined, false, "1,2,3"],
] as const)("%s", (_, tokenizer, showSpecial, expected) => {
  expect(events.map(spellAnswer(tokenizer, showSpecial)).join("")).toBe(expected);
});
