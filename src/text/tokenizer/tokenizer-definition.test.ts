import { describe, expect, test } from "vitest";
import { byteFallbackTokenizer } from "../../../test/fixtures/tiny-tokenizers.ts";
import { FormatError, UnsupportedError } from "../../util/errors.ts";
import { parseTokenizerDefinition } from "./tokenizer-definition.ts";

const model = { type: "BPE", vocab: { a: 0, b: 1, ab: 2 }, merges: ["a b"] };

describe("parseTokenizerDefinition", () => {
  test("keeps the parts, with absent ones as null", () => {
    const definition = parseTokenizerDefinition({ model, added_tokens: [{ id: 3, content: "<s>", special: true }] });
    expect(definition).toMatchObject({ normalizer: null, preTokenizer: null, postProcessor: null, decoder: null });
    expect(definition.addedTokens).toEqual([
      { id: 3, content: "<s>", special: true, normalized: false, lstrip: false, rstrip: false, single_word: false },
    ]);
    expect(definition.model).toEqual(model);
  });

  test("reads a whole file", () => {
    const definition = parseTokenizerDefinition(byteFallbackTokenizer());
    expect(definition.decoder?.type).toBe("Sequence");
    expect(definition.addedTokens).toHaveLength(3);
  });

  test("guesses the model of files that name none", () => {
    const { vocab, merges } = model;
    expect(parseTokenizerDefinition({ model: { vocab, merges } }).model.type).toBe("BPE");
    expect(parseTokenizerDefinition({ model: { vocab } }).model.type).toBe("WordPiece");
    expect(parseTokenizerDefinition({ model: { vocab: [["a", -1]] } }).model.type).toBe("Unigram");
  });

  test.each<[string, unknown]>([
    ["not an object", []],
    ["model is not an object", {}],
    ["an id is an integer", { model: { ...model, vocab: { a: -1 } } }],
    ["an id is an integer", { model: { ...model, vocab: { a: 1e9 } } }],
    ["an id is an integer", { model: { ...model, vocab: { a: 0.5 } } }],
    ["an id is an integer", { model: { ...model, vocab: { a: "0" } } }],
    ["an id is an integer", { model, added_tokens: [{ id: 2 ** 40, content: "x" }] }],
    ["not a text", { model, added_tokens: [{ id: 1, content: "" }] }],
    ["added_tokens is not a list", { model, added_tokens: { length: 1e9 } }],
    ["added_tokens[0] is not an object", { model, added_tokens: [null] }],
    ["model.merges", { model: { ...model, merges: undefined } }],
    ["model.merges", { model: { ...model, merges: ["a b", ["a", "b"]] } }],
    ["[token, score]", { model: { type: "Unigram", vocab: [["a"]] } }],
    ["decoder has no type", { model, decoder: {} }],
    ["normalizer is not an object", { model, normalizer: "NFC" }],
  ])("refuses a file: %s", (reason, json) => {
    expect(() => parseTokenizerDefinition(json)).toThrow(FormatError);
    expect(() => parseTokenizerDefinition(json)).toThrow(reason);
  });

  test("refuses a model that it does not know", () => {
    expect(() => parseTokenizerDefinition({ model: { type: "WordLevel", vocab: {} } })).toThrow(UnsupportedError);
  });
});
