import { expect, test } from "vitest";
import { parseSpecialTokens } from "./special-tokens.ts";

test("texts and added tokens by role, the first source wins", () => {
  const config = {
    bos_token: "<s>",
    eos_token: { content: "</s>", special: true },
    pad_token: null,
    add_bos_token: false,
    additional_special_tokens: ["<x>"],
    unk_token: 3,
    chat_template: "t",
  };
  expect(parseSpecialTokens(config, { bos_token: "other", pad_token: "<pad>" })).toEqual({
    bos_token: "<s>",
    eos_token: "</s>",
    pad_token: "<pad>",
  });
});

test.each([undefined, null, 3, [], "x"])("%j holds none", (config) => {
  expect(parseSpecialTokens(config)).toEqual({});
});
