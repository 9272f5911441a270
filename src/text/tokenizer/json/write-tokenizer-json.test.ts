import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fixtures } from "../../../../test/support/fixtures.ts";
import { buildTokenizer } from "../build-tokenizer.ts";
import type { TokenizerData } from "../tokenizer-data.ts";
import { Vocabulary } from "../vocabulary.ts";
import { parseTokenizerJson } from "./parse-tokenizer-json.ts";
import { writeTokenizerJson } from "./write-tokenizer-json.ts";

const again = (data: TokenizerData): TokenizerData =>
  parseTokenizerJson(new TextEncoder().encode(writeTokenizerJson(data)), "written");

const golden = join(fixtures, "tokenizers");
const paths = readdirSync(golden)
  .map((name) => join(golden, name, "tokenizer.json"))
  .filter((path) => existsSync(path));

describe.each(paths)("%s", (path) => {
  const data = parseTokenizerJson(readFileSync(path), path);

  test("is the same when it is read back", () => {
    const { model, ...components } = again(data);
    const { model: wantedModel, ...wanted } = data;
    expect(components).toEqual(wanted);
    const { vocabulary, ...settings } = model;
    const { vocabulary: wantedVocabulary, ...wantedSettings } = wantedModel;
    expect(settings).toEqual(wantedSettings);
    const tokens = (of: Vocabulary): unknown => Array.from({ length: of.size }, (_, id) => of.token(id));
    expect(tokens(vocabulary)).toEqual(tokens(wantedVocabulary));
  });
});

test("a tokenizer of all components there are", () => {
  const pattern = { regex: "a|b" };
  const data: TokenizerData = {
    addedTokens: [
      { id: 2, content: "<x>", special: true, normalized: false, lstrip: true, rstrip: false, singleWord: true },
    ],
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "NFKC" },
        { type: "Strip", left: true, right: false },
        { type: "Replace", pattern, content: "c" },
        { type: "Prepend", prepend: "▁" },
        { type: "Precompiled", charsmap: Uint8Array.of(1, 2, 255) },
        { type: "BertNormalizer", cleansText: true, spacesIdeographs: false, stripsAccents: true, lowercases: false },
      ],
    },
    preTokenizer: {
      type: "Sequence",
      preTokenizers: [
        { type: "Whitespace" },
        { type: "ByteLevel", addsPrefixSpace: true, splits: false },
        { type: "Metaspace", replacement: "▁", prependScheme: "first", splits: false },
        { type: "Split", pattern: { literal: " " }, behavior: "MergedWithNext", invert: true },
        { type: "Digits", individual: true },
        { type: "Punctuation", behavior: "Contiguous" },
        { type: "CharDelimiterSplit", delimiter: "-" },
        { type: "FixedLength", length: 5 },
      ],
    },
    model: {
      type: "WordLevel",
      vocabulary: Vocabulary.of(["a", "__proto__", "<x>", undefined, "d"]),
      unknownToken: "a",
    },
    postProcessor: {
      type: "Sequence",
      processors: [{ type: "TemplateProcessing", parts: [2, "text", 0, 2] }],
    },
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Metaspace", replacement: "▁", stripsFirst: false },
        { type: "WordPiece", prefix: "##", cleansUp: true },
        { type: "BPEDecoder", suffix: "</w>" },
        { type: "CTC", padToken: "<pad>", wordDelimiter: "|", cleansUp: false },
        { type: "Strip", content: " ", start: 1, stop: 0 },
        { type: "Replace", pattern, content: "" },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "ByteLevel" },
      ],
    },
  };
  const { model, ...components } = again(data);
  const { model: _, ...wanted } = data;
  expect(components).toEqual(wanted);
  expect(model.vocabulary.idOf("__proto__")).toBe(1);
  expect(model.vocabulary.has(3)).toBe(false);
});

test("scores become merges that join the same", () => {
  const tokens = ["<unk>", "a", "b", "c", "ab", "bc", "abc", "aa", "cab", "😀", "😀a"];
  const scores = Float32Array.of(0, -9, -9, -9, -2, -1, -5, -6, -3, -9, -4);
  const data: TokenizerData = {
    ...{
      addedTokens: [],
      normalizer: undefined,
      preTokenizer: undefined,
      postProcessor: undefined,
      decoder: undefined,
    },
    model: { type: "ScoredBPE", vocabulary: Vocabulary.of(tokens), scores, unknownId: 0 },
  };
  const [byScore, byMerges] = [buildTokenizer(data), buildTokenizer(again(data))];
  const letters = ["a", "b", "c", "😀"];
  for (let number = 0; number < 4 ** 5; number++) {
    const text = [0, 1, 2, 3, 4].map((place) => letters[Math.floor(number / 4 ** place) % 4]).join("");
    expect(byMerges.encode(text), text).toEqual(byScore.encode(text));
  }
});
