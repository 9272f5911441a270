import { describe, expect, test } from "vitest";
import { byteFallbackTokenizer } from "../../../../test/fixtures/tiny-tokenizers.ts";
import { FormatError, UnsupportedError } from "../../../util/errors.ts";
import type { TokenizerData } from "../tokenizer-data.ts";
import { parseTokenizerJson } from "./parse-tokenizer-json.ts";

const model = { type: "BPE", vocab: { a: 0, b: 1, ab: 2 }, merges: ["a b"] };

const parse = (json: unknown): TokenizerData =>
  parseTokenizerJson(new TextEncoder().encode(typeof json === "string" ? json : JSON.stringify(json)), "t.json");

describe("parseTokenizerJson", () => {
  test("keeps the parts, with absent ones undefined", () => {
    const data = parse({ model, added_tokens: [{ id: 3, content: "<s>", special: true }], normalizer: null });
    expect(data).toMatchObject({ normalizer: undefined, preTokenizer: undefined, decoder: undefined });
    expect(data.addedTokens).toEqual([
      { id: 3, content: "<s>", special: true, normalized: false, lstrip: false, rstrip: false, singleWord: false },
    ]);
    expect(data.model.vocabulary.token(2)).toBe("ab");
    expect(data.model).toMatchObject({
      merges: { left: Int32Array.of(0), right: Int32Array.of(1), result: Int32Array.of(2) },
    });
  });

  test("reads a whole file", () => {
    const data = parse(byteFallbackTokenizer());
    expect(data.decoder?.type).toBe("Sequence");
    expect(data.postProcessor).toEqual({ type: "TemplateProcessing", parts: [1, "text"] });
    expect(data.addedTokens).toHaveLength(3);
  });

  test("guesses the model of files that name none", () => {
    const { vocab, merges } = model;
    expect(parse({ model: { vocab, merges } }).model.type).toBe("BPE");
    expect(parse({ model: { vocab } }).model.type).toBe("WordPiece");
    expect(parse({ model: { vocab: [["a", -1]] } }).model.type).toBe("Unigram");
  });

  test("merges as pairs and as texts, versions among them, and before the vocabulary", () => {
    const pairs = parse({ model: { merges: [["a", "b"]], vocab: model.vocab, type: "BPE" } });
    const texts = parse({ model: { ...model, merges: ["#version: 0.2", "a b"] } });
    expect(pairs.model).toEqual(parse({ model }).model);
    expect(texts.model).toEqual(parse({ model }).model);
  });

  test("escapes, white space, a byte order mark and names that objects have", () => {
    const data = parse(
      '\uFEFF { "model" : { "vocab" : { "\\u0120\\n" : 1 , "__proto__":0,"\\"": 2 }, "merges":[ ] } } ',
    );
    const { vocabulary } = data.model;
    expect([0, 1, 2, 3].map((id) => vocabulary.token(id))).toEqual(["__proto__", "\u0120\n", '"', undefined]);
    expect(vocabulary.idOf("__proto__")).toBe(0);
  });

  test("a metaspace of before schemes", () => {
    const preTokenizer = { type: "Metaspace", replacement: "▁", add_prefix_space: false };
    expect(parse({ model, pre_tokenizer: preTokenizer }).preTokenizer).toEqual({
      ...{ type: "Metaspace", replacement: "▁", prependScheme: "never", splits: true },
    });
  });

  test.each<[string, unknown]>([
    ["expected an object", []],
    ["has no model", {}],
    ["not valid JSON", '{"model": {"vocab": {"a": 0,}}}'],
    ["not valid JSON", '{"model": {"vocab": {"a": 0} "merges": []}}'],
    ["not valid JSON", '{"model": {"vocab": {"a": 0}'],
    ["not valid JSON", '{"model": {"vocab": {"a'],
    ["not valid JSON", '{"model": {"vocab": {"a": 00}, "merges": []}}'],
    ["the id -1 is no integer", { model: { ...model, vocab: { a: -1 } } }],
    ["the id 1000000000 is no integer", { model: { ...model, vocab: { a: 1e9 } } }],
    ["the id 0.5 is no integer", { model: { ...model, vocab: { a: 0.5 } } }],
    ["expected a number", { model: { ...model, vocab: { a: "0" } } }],
    ["two tokens have the id 0", { model: { ...model, vocab: { a: 0, b: 0 } } }],
    ["added_tokens[0].id is 1099511627776", { model, added_tokens: [{ id: 2 ** 40, content: "x" }] }],
    ["expected a list", { model, added_tokens: { length: 1e9 } }],
    ["added_tokens[0] is absent", { model, added_tokens: [null] }],
    ["has the id 1, which is that of", { model, added_tokens: [{ id: 1, content: "x" }] }],
    ["has the id 5, 1 in the vocabulary", { model, added_tokens: [{ id: 5, content: "b" }] }],
    [
      "which is that of",
      {
        model,
        added_tokens: [
          { id: 5, content: "x" },
          { id: 5, content: "y" },
        ],
      },
    ],
    ["model has no merges", { model: { ...model, merges: undefined } }],
    ["has not one space", { model: { ...model, merges: ["a b c"] } }],
    ["has not one space", { model: { ...model, merges: ["ab"] } }],
    ["has 3 parts", { model: { ...model, merges: [["a", "b", "ab"]] } }],
    ["is not in the vocabulary", { model: { ...model, merges: ["a c"] } }],
    ["is not in the vocabulary", { model: { ...model, merges: ["b a"] } }],
    ["becomes one of its own parts", { model: { ...model, vocab: { "": 0, a: 1 }, merges: [["", "a"]] } }],
    ["element 0 has no score", { model: { type: "Unigram", vocab: [["a"]] } }],
    ["element 0 is no pair", { model: { type: "Unigram", vocab: [["a", 0, 1]] } }],
    ["the score of element 0 is Infinity", '{"model": {"type": "Unigram", "vocab": [["a", 1e999]]}}'],
    ["not valid JSON", '{"model": {"type": "Unigram", "vocab": [["a", NaN]]}}'],
    ["model.unk_id is 7", { model: { type: "Unigram", vocab: [["a", 0]], unk_id: 7 } }],
    ["decoder.type is absent", { model, decoder: {} }],
    ['normalizer is "NFC"', { model, normalizer: "NFC" }],
    [
      "normalizer.precompiled_charsmap is not base64",
      { model, normalizer: { type: "Precompiled", precompiled_charsmap: "!" } },
    ],
    [
      "pre_tokenizer.pretokenizers[0].pattern",
      { model, pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "Split", behavior: "Removed" }] } },
    ],
    [
      'lacks "<s>"',
      {
        model,
        post_processor: { type: "TemplateProcessing", single: [{ SpecialToken: { id: "<s>" } }], special_tokens: {} },
      },
    ],
    ["the text 0 times", { model, post_processor: { type: "TemplateProcessing", single: [], special_tokens: {} } }],
  ])("refuses a file: %s", (reason, json) => {
    expect(() => parse(json)).toThrow(FormatError);
    expect(() => parse(json)).toThrow("t.json: ");
    expect(() => parse(json)).toThrow(reason);
  });

  test.each<[string, object]>([
    ["model", { model: { type: "Char", vocab: {} } }],
    ["normalizer", { model, normalizer: { type: "NFX" } }],
    [
      "pre_tokenizer.pretokenizers[1]",
      { model, pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "Whitespace" }, { type: "X" }] } },
    ],
    ["post_processor", { model, post_processor: { type: "X" } }],
    ["decoder", { model, decoder: { type: "X" } }],
  ])("refuses a kind of %s that it does not know", (where, json) => {
    expect(() => parse(json)).toThrow(UnsupportedError);
    expect(() => parse(json)).toThrow(`t.json: ${where}.type is`);
  });
});
