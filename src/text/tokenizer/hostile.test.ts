import { describe, expect, test } from "vitest";
import { FormatError, UnsupportedError } from "../../util/errors.ts";
import { buildTokenizer } from "./build-tokenizer.ts";
import { parseTokenizerJson } from "./json/parse-tokenizer-json.ts";
import type { Tokenizer } from "./tokenizer.ts";

// Files and texts that are made to hurt. That they take bounded time shows in that this file ends; each limit has its own message.

const model = { type: "BPE", vocab: { a: 0, b: 1, ab: 2, "<u>": 3 }, merges: ["a b"], unk_token: "<u>" };

function load(json: unknown): Tokenizer {
  const text = typeof json === "string" ? json : JSON.stringify(json);
  return buildTokenizer(parseTokenizerJson(new TextEncoder().encode(text), "t.json"));
}

const manyOf = (count: number, of: (index: number) => string): string =>
  Array.from({ length: count }, (_, i) => of(i)).join();
const precompiled = (...units: readonly number[]): object => ({
  model,
  normalizer: { type: "Precompiled", precompiled_charsmap: btoa(String.fromCharCode(...units)) },
});

/** 2 ** blocks texts of one FNV-1a hash: from each state two blocks of six characters lead to the same next one. */
function textsOfOneHash(blocks: number): string[] {
  let texts = [""];
  let state = 0x811c9dc5;
  for (let block = 0; block < blocks; block++) {
    const seen = new Map<number, string>();
    for (let i = 0, other: string | undefined; other === undefined; i++) {
      const text = i.toString(36).padStart(6, "0");
      let next = state;
      for (let j = 0; j < text.length; j++) next = Math.imul(next ^ text.charCodeAt(j), 0x01000193);
      other = seen.get(next);
      seen.set(next, text);
      if (other === undefined) continue;
      const two = [text, other];
      texts = texts.flatMap((begin) => two.map((end) => begin + end));
      state = next;
    }
  }
  return texts;
}

/** A model whose merges join ids that all hash to a few places of a table of 2^15. */
function mergesOfFewPlaces(): object {
  const most = 1500;
  const name = (id: number): string => id.toString(36).padStart(3, "0");
  const vocab = Object.fromEntries(Array.from({ length: 2 * most }, (_, id) => [name(id), id]));
  const merges: string[] = [];
  for (let left = 0; left < most; left++) {
    for (let right = most; right < 2 * most && merges.length < 16_000; right++) {
      const hashed = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
      if (((hashed ^ (hashed >>> 15)) & 0x7fff) >= 300) continue;
      vocab[name(left) + name(right)] = 2 * most + merges.push(`${name(left)} ${name(right)}`) - 1;
    }
  }
  return { type: "BPE", vocab, merges };
}

describe("files", () => {
  test.each<[string, RegExp, () => unknown]>([
    ["brackets, a million deep", /nested more than 64 levels/, () => `{"x":${"[".repeat(1e6)}`],
    ["brackets in a model", /nested more than 64 levels/, () => `{"model":{"x":${"[".repeat(1e6)}`],
    ["objects in the vocabulary", /nested more than 64 levels/, () => `{"model":{"vocab":{"a":${'{"a":'.repeat(1e6)}`],
    [
      "sequences in sequences",
      /nested more than 64 levels/,
      () => `{"normalizer":${'{"type":"Sequence","normalizers":['.repeat(1e5)}`,
    ],
    [
      "too many in a sequence",
      /300 elements; at most 256/,
      () => ({ model, normalizer: { type: "Sequence", normalizers: Array(300).fill({ type: "NFC" }) } }),
    ],
    [
      "an id that asks for gigabytes",
      /the id 4194303 is no integer from 0 to/,
      () => ({ model: { ...model, vocab: { a: 4194303 } } }),
    ],
    [
      "a vocabulary that never ends",
      /vocab|not valid JSON/,
      () => `{"model":{"vocab":{${manyOf(2e5, (i) => `"${i}":${i}`)}`,
    ],
    [
      "a merge of nothing",
      /becomes one of its own parts/,
      () => ({ model: { ...model, vocab: { "": 0, a: 1 }, merges: [["a", ""]] } }),
    ],
    [
      "a merge that its prefix makes a circle",
      /becomes one of its own parts/,
      () => ({ model: { type: "BPE", continuing_subword_prefix: "b", vocab: { a: 0, b: 1 }, merges: ["a b"] } }),
    ],
    [
      "a merge of tokens that are not there",
      /merges\[1\]: "c" is not in the vocabulary/,
      () => ({ model: { ...model, merges: ["a b", "c d"] } }),
    ],
    [
      "a million added tokens",
      /added_tokens are more than 131072/,
      () => `{"model":${JSON.stringify(model)},"added_tokens":[${manyOf(1e6, (i) => `{"id":${i},"content":"${i}"}`)}]}`,
    ],
    [
      "an added token of a megabyte",
      /added_tokens\[0\] has 1000021 bytes; at most/,
      () => ({ model, added_tokens: [{ id: 4, content: "x".repeat(1e6) }] }),
    ],
    [
      "added tokens of a million characters",
      /more than 1048576 characters/,
      () =>
        `{"model":${JSON.stringify(model)},"added_tokens":[${manyOf(1100, (i) => `{"id":${i + 4},"content":"${i}${"x".repeat(1000)}"}`)}]}`,
    ],
    [
      "tokens of one hash",
      /vocabulary: is made so that all of it has the same hash/,
      () => ({
        model: { type: "BPE", vocab: Object.fromEntries(textsOfOneHash(13).map((t, i) => [t, i])), merges: [] },
      }),
    ],
    [
      "merges of one hash",
      /merges: is made so that all of it has the same hash/,
      () => ({ model: mergesOfFewPlaces() }),
    ],
    ["a text that ends in the middle", /not valid JSON/, () => `{"model":{"vocab":{"a\\`],
    ["bytes that are no UTF-8", /not valid UTF-8/, () => new Uint8Array([0x7b, 0xff, 0x7d])],
    ["scores that are no numbers", /not valid JSON/, () => '{"model":{"type":"Unigram","vocab":[["a",NaN]]}}'],
    [
      "scores beyond all numbers",
      /the score of element 0 is -Infinity/,
      () => '{"model":{"type":"Unigram","vocab":[["a",-1e999]]}}',
    ],
    [
      "an expression that does not parse",
      /./,
      () => ({ model, pre_tokenizer: { type: "Split", pattern: { Regex: "(" }, behavior: "Isolated", invert: false } }),
    ],
    ["a table of characters that is too short", /claims 1024 of them for its trie/, () => precompiled(0, 4, 0, 0, 0)],
    [
      "a table of characters that points outside",
      /unit 1 of its trie points outside/,
      () => precompiled(8, 0, 0, 0, 0, 4, 0, 0, 1, 0xff, 0xff, 0, 0),
    ],
    ["a table of characters without an end", /its last text has no end/, () => precompiled(4, 0, 0, 0, 0, 0, 0, 0, 65)],
    [
      "a template that repeats the text",
      /the text 2 times, not once/,
      () => ({
        model,
        post_processor: {
          type: "TemplateProcessing",
          single: [{ Sequence: { id: "A" } }, { Sequence: { id: "A" } }],
          special_tokens: {},
        },
      }),
    ],
  ])("%s", (_, message, json) => {
    const content = json();
    const open = (): unknown => (content instanceof Uint8Array ? parseTokenizerJson(content, "t.json") : load(content));
    expect(open).toThrow(message);
    expect(open).toThrow(FormatError);
  });

  test.each<[string, object]>([
    ["a kind that is not known", { model, decoder: { type: "constructor" } }],
    [
      "a look-behind without a bound",
      { model, normalizer: { type: "Replace", pattern: { Regex: "(?<=a+)b" }, content: "" } },
    ],
  ])("%s", (_, json) => {
    expect(() => load(json)).toThrow(UnsupportedError);
  });
});

describe("files that hurt when they are used", () => {
  const split = (regex: string): object => ({
    type: "Split",
    pattern: { Regex: regex },
    behavior: "Isolated",
    invert: false,
  });
  test.each<[string, object, string]>([
    ["an expression that goes back for ever", { model, pre_tokenizer: split("(a+)+$") }, `${"a".repeat(40)}b`],
    ["an expression of two equal halves", { model, pre_tokenizer: split("(a|a)*c") }, "a".repeat(40)],
    ["an expression that looks far ahead from everywhere", { model, pre_tokenizer: split("a*c") }, "a".repeat(2e5)],
    ["an unknown token that is not there", { model: { ...model, unk_token: "<none>" } }, "c"],
    ["a Unigram model without an unknown token", { model: { type: "Unigram", vocab: [["a", 0]] } }, "b"],
    [
      "a text that doubles",
      { model, normalizer: { type: "Sequence", normalizers: Array(60).fill({ type: "ByteLevel" }) } },
      "é",
    ],
    [
      "pieces that double",
      {
        model,
        pre_tokenizer: {
          type: "Sequence",
          pretokenizers: Array(60).fill({ type: "ByteLevel", add_prefix_space: false, use_regex: false }),
        },
      },
      "é",
    ],
    [
      "replacements that grow",
      {
        model,
        normalizer: {
          type: "Sequence",
          normalizers: Array(8).fill({ type: "Replace", pattern: { String: "a" }, content: "a".repeat(1000) }),
        },
      },
      "a",
    ],
  ])("%s", (_, json, text) => {
    const tokenizer = load(json);
    expect(() => tokenizer.encode(text)).toThrow(FormatError);
  });
});

describe("decoders that grow", () => {
  const fuse = { type: "Fuse" };
  const grow = { type: "Replace", pattern: { String: "a" }, content: "a".repeat(60_000) };

  test("replacements of replacements", () => {
    const tokenizer = load({ model, decoder: { type: "Sequence", decoders: [fuse, grow, grow, grow] } });
    expect(() => tokenizer.decode([0])).toThrow(FormatError);
  });

  test("more of them than calls fit on the stack", () => {
    const decoders = Array<object>(100).fill({ type: "Sequence", decoders: Array(100).fill(fuse) });
    expect(() => load({ model, decoder: { type: "Sequence", decoders } })).toThrow("has 10000 parts; at most 64");
  });
});

describe("texts", () => {
  test.each<[string, string, number]>([
    ["one letter, a million times", "a".repeat(1e6), 1e6],
    ["one word, a million letters long", "ab".repeat(5e5), 5e5],
    ["a million unknown characters", "c".repeat(1e6), 1e6],
  ])("%s", (_, text, count) => {
    expect(load({ model }).encode(text)).toHaveLength(count);
  });

  test("halves of surrogate pairs are U+FFFD, as UTF-8 has it", () => {
    const vocab = { "\uFFFD": 0, "😀": 1, a: 2 };
    const tokenizer = load({ model: { type: "BPE", vocab, merges: [] } });
    expect(tokenizer.encode("\uD83Da😀\uDE00")).toEqual([0, 2, 1, 0]);
  });

  test("words that are all different do not fill the memory", () => {
    const tokenizer = load({ model, pre_tokenizer: { type: "WhitespaceSplit" } });
    const texts = Array.from({ length: 20 }, (_, i) =>
      Array.from({ length: 5000 }, (_, j) => (5000 * i + j).toString(2).replaceAll("0", "a").replaceAll("1", "b")).join(
        " ",
      ),
    );
    for (const text of texts) tokenizer.encode(text);
    expect(tokenizer.encode("ab ba")).toEqual([2, 1, 0]);
  });
});
