import { expect, test } from "vitest";
import { byteLevelTokenizer, loadTiny } from "../../test/fixtures/tiny-tokenizers.ts";
import type { Tokenizer } from "../text/tokenizer/tokenizer.ts";
import { endOfTurnIds } from "./end-of-turn-ids.ts";

const tokenizer = loadTiny(byteLevelTokenizer());
const end = tokenizer.tokenId("<|end|>") ?? -1;
const none = { generationConfig: {}, config: {}, specialTokens: {}, tokenizer, vocabSize: 1000 };

test("all sources in union", () => {
  const sources = {
    ...none,
    generationConfig: { eos_token_id: [5, 6] },
    config: { eos_token_id: 5 },
    specialTokens: { eos_token: "<|end|>" },
  };
  expect(endOfTurnIds(sources)).toEqual([5, 6, end]);
});

test("a special token that is known to end a turn, whatever the configs say", () => {
  const withTurnEnd = (special: boolean): Tokenizer =>
    loadTiny({ ...(byteLevelTokenizer() as object), added_tokens: [{ id: 300, content: "<|im_end|>", special }] });
  const generationConfig = { eos_token_id: 5 };
  expect(endOfTurnIds({ ...none, generationConfig, tokenizer: withTurnEnd(true) })).toEqual([5, 300]);
  expect(endOfTurnIds({ ...none, generationConfig, tokenizer: withTurnEnd(false) })).toEqual([5]);
});

test("the language model of several, and the tokenizer's end of a turn", () => {
  const config = { text_config: { eos_token_id: [8] } };
  expect(endOfTurnIds({ ...none, config, specialTokens: { eot_token: "<tool>" } })).toEqual([8, end + 1]);
});

test("a model that names none has none", () => {
  expect(endOfTurnIds(none)).toEqual([]);
  expect(endOfTurnIds({ ...none, tokenizer: undefined, specialTokens: { eos_token: "<|end|>" } })).toEqual([]);
  expect(endOfTurnIds({ ...none, specialTokens: { eos_token: "no such token" } })).toEqual([]);
});

test("what is no id of the vocabulary is left out", () => {
  const generationConfig = { eos_token_id: [1000, -1, 1.5, "3", null, [4], 7] };
  expect(endOfTurnIds({ ...none, generationConfig, config: { eos_token_id: null } })).toEqual([7]);
});
