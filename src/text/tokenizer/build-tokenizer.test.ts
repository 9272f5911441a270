import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { byteFallbackTokenizer, byteLevelTokenizer, loadTiny } from "../../../test/fixtures/tiny-tokenizers.ts";
import { buildTokenizer } from "./build-tokenizer.ts";
import { parseTokenizerJson } from "./json/parse-tokenizer-json.ts";

describe("a byte-level tokenizer", () => {
  const tokenizer = loadTiny(byteLevelTokenizer());

  test("encodes and decodes", () => {
    const text = "the 😀 a\n";
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    expect(tokenizer.encode("the")).toEqual([tokenizer.tokenId("the")]);
  });

  test("knows its special tokens", () => {
    const end = tokenizer.tokenId("<|end|>") ?? -1;
    const tool = tokenizer.tokenId("<tool>") ?? -1;
    expect(tokenizer.encode("a<|end|><tool>")).toEqual([97, end, tool]);
    expect([tokenizer.isSpecial(end), tokenizer.isSpecial(tool)]).toEqual([true, false]);
    expect(tokenizer.decode([97, end, tool])).toBe("a<|end|><tool>");
    expect(tokenizer.decode([97, end, tool], { skipSpecial: true })).toBe("a<tool>");
    expect(tokenizer.token(end)).toBe("<|end|>");
    expect(tokenizer.vocabSize).toBe(tool + 1);
  });

  test("leaves out ids that have no text", () => {
    expect(tokenizer.decode([])).toBe("");
    expect(tokenizer.decode([97, 5000, -1, 98])).toBe("ab");
    expect(tokenizer.token(5000)).toBeUndefined();
  });
});

describe("a tokenizer with byte fallback", () => {
  const tokenizer = loadTiny(byteFallbackTokenizer());

  test("adds what begins a text, unless told not to", () => {
    expect(tokenizer.encode("the")).toEqual([1, tokenizer.tokenId("▁the")]);
    expect(tokenizer.encode("the", { addSpecial: false })).toEqual([tokenizer.tokenId("▁the")]);
  });

  test("spells unknown characters as bytes", () => {
    const ids = tokenizer.encode("€", { addSpecial: false });
    expect(ids.slice(1).map((id) => tokenizer.token(id))).toEqual(["<0xE2>", "<0x82>", "<0xAC>"]);
    expect(tokenizer.decode(ids)).toBe("€");
  });
});

test("the longest token may be an added one", () => {
  expect(loadTiny(byteFallbackTokenizer()).longestToken).toBe("<0x00>".length);
  const added_tokens = [{ id: 5000, content: "<|a long one|>", special: true }];
  expect(loadTiny({ ...(byteLevelTokenizer() as object), added_tokens }).longestToken).toBe(14);
});

test("the embedded model's tokenizer", () => {
  const path = new URL("../../../models/smollm2-135m-instruct-gptq-int4/tokenizer.json", import.meta.url);
  const tokenizer = buildTokenizer(parseTokenizerJson(readFileSync(path), "tokenizer.json"));
  expect(tokenizer.vocabSize).toBe(49152);
  // By the tokenizers library, 0.23.3.
  for (const [text, ids] of [
    ["<|im_start|>user\nhi<|im_end|>\n", [1, 4093, 198, 6004, 2, 198]],
    ["text😀text 😀 text", [2692, 10813, 242, 218, 2692, 40303, 218, 1694]],
    ["l'été c’est ‘quoted’ “double”", [92, 23, 19380, 2756, 265, 417, 381, 1551, 385, 5036, 417, 619, 21414, 573]],
  ] as const) {
    expect(tokenizer.encode(text)).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(text);
  }
  expect(tokenizer.decode([28589, 2, 29184], { skipSpecial: true })).toBe("中文");
});
