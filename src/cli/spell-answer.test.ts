import { expect, test } from "vitest";
import { loadTiny } from "../../test/fixtures/tiny-tokenizers.ts";
import type { GenerationEvent } from "../llm/generation.ts";
import { spellAnswer } from "./spell-answer.ts";

const tokenizer = loadTiny({
  model: { type: "WordLevel", vocab: { "<s>": 0, Hello: 1, " there": 2, "</s>": 3 }, unk_token: "<s>" },
  added_tokens: [
    { id: 0, content: "<s>", special: true },
    { id: 3, content: "</s>", special: true },
  ],
  decoder: { type: "Fuse" },
});

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
