import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fixtures, sharedFixtures } from "../../../test/support/fixtures.ts";
import { Metadata, type MetadataValue } from "../../containers/gguf/metadata.ts";
import { openGgml } from "../../containers/ggml/open-ggml.ts";
import { openGguf } from "../../containers/gguf/open-gguf.ts";
import { openFile } from "../../io/file-source.node.ts";
import { buildTokenizer } from "../../text/tokenizer/build-tokenizer.ts";
import type { Tokenizer } from "../../text/tokenizer/tokenizer.ts";
import { FormatError } from "../../util/errors.ts";
import { ggufText, legacyText } from "./gguf-text.ts";

type Fields = Readonly<Record<string, MetadataValue>>;

function textOf(fields: Fields, warnings: string[] = []) {
  const keys = Object.entries(fields).map(([key, value]) => [`tokenizer.${key}`, value] as const);
  return ggufText(new Metadata(new Map(keys), "x.gguf"), (message) => void warnings.push(message));
}

function tokenizerOf(fields: Fields): Tokenizer {
  const { tokenizer } = textOf(fields);
  if (tokenizer === undefined) throw new Error("no tokenizer");
  return buildTokenizer(tokenizer);
}

const scored = {
  "ggml.model": "llama",
  "ggml.tokens": ["<unk>", "<s>", "</s>", "<0x41>", "▁", "a", "b", "ab", "ba", "▁a", "aa"],
  "ggml.scores": Float32Array.of(0, 0, 0, 0, -4, -5, -6, -2, -1, -3, -7),
  "ggml.token_type": Int32Array.of(2, 3, 3, 6, 1, 1, 1, 1, 1, 1, 1),
};

test("of neighbours that are a token the best score is joined first, then the leftmost", () => {
  const tokenizer = tokenizerOf({ ...scored, "ggml.add_space_prefix": false, "ggml.add_bos_token": false });
  const tokens = (text: string): (string | undefined)[] => tokenizer.encode(text).map((id) => tokenizer.token(id));
  expect(tokens("abab")).toEqual(["a", "ba", "b"]); // "ba" scores above "ab"
  expect(tokens("aaa")).toEqual(["aa", "a"]);
  expect(tokens(" ab")).toEqual(["▁", "ab"]);
  expect(tokens("")).toEqual([]);
});

test("what is no token is written as bytes, or as the unknown token", () => {
  const tokenizer = tokenizerOf({ ...scored, "ggml.add_space_prefix": false, "ggml.add_bos_token": false });
  expect(tokenizer.encode("Aé")).toEqual([3, 0, 0]); // two bytes
});

test("a text gets a begin token and a space, and every text behind a special token a space", () => {
  const tokenizer = tokenizerOf(scored);
  expect(tokenizer.encode("a")).toEqual([1, 9]);
  expect(tokenizer.encode("a</s>a", { addSpecial: false })).toEqual([9, 2, 9]);
  expect(tokenizer.decode([1, 9, 7], { skipSpecial: true })).toBe("aab");
  expect(tokenizer.isSpecial(2)).toBe(true);
});

const byteLevel = {
  "ggml.model": "gpt2",
  "ggml.pre": "smollm",
  "ggml.tokens": ["a", "b", "Ġ", "ab", "Ġa", "1", "2", "12", "<|end|>", "<mine>"],
  "ggml.merges": ["a b", "Ġ a", "1 2", "b nothing"],
  "ggml.token_type": Int32Array.of(1, 1, 1, 1, 1, 1, 1, 1, 3, 4),
  "ggml.eos_token_id": 8,
  chat_template: "{{ messages[0].content }}",
  "chat_template.tool_use": "tools",
};

test("merges of a byte-level vocabulary apply inside of the pieces that `pre` cuts", () => {
  const tokenizer = tokenizerOf(byteLevel);
  expect(tokenizer.encode("ab ab12<|end|><mine>")).toEqual([3, 2, 3, 5, 6, 8, 9]);
  expect(tokenizer.decode([3, 4, 9, 8], { skipSpecial: true })).toBe("ab a<mine>");
});

test("roles and templates come along", () => {
  const { specialTokens, templates } = textOf(byteLevel);
  expect(specialTokens).toEqual({ eos_token: "<|end|>" });
  expect(templates).toEqual({ chat: "{{ messages[0].content }}", toolUse: "tools" });
});

test("the begin token is added where the file or the kind says so", () => {
  const begins = (fields: Fields): boolean =>
    tokenizerOf({ ...byteLevel, "ggml.bos_token_id": 9, ...fields }).encode("a")[0] === 9;
  expect(begins({})).toBe(false);
  expect(begins({ "ggml.add_bos_token": true })).toBe(true);
  expect(begins({ "ggml.pre": "llama-bpe" })).toBe(true);
});

test("an unknown cut is warned of, and so is an unknown kind", () => {
  const warnings: string[] = [];
  expect(textOf({ ...byteLevel, "ggml.pre": "new-thing" }, warnings).tokenizer).toBeDefined();
  expect(textOf({ ...byteLevel, "ggml.model": "bert" }, warnings).tokenizer).toBeUndefined();
  expect(warnings).toEqual([
    expect.stringContaining('tokenizer.ggml.pre is "new-thing", which is not known'),
    expect.stringContaining('the kind "bert", which is not read'),
  ]);
});

test.each<readonly [string, Fields]>([
  ["types of other tokens", { ...scored, "ggml.token_type": Int32Array.of(1) }],
  ["scores of other tokens", { ...scored, "ggml.scores": Float32Array.of(1) }],
  ["a score that is no number", { ...scored, "ggml.scores": new Float32Array(11).fill(NaN) }],
  ["a merge of one part", { ...byteLevel, "ggml.merges": ["ab"] }],
  ["tokens that are numbers", { ...scored, "ggml.tokens": Int32Array.of(1, 2) }],
])("%s are refused", (_, fields) => {
  expect(() => textOf(fields)).toThrow(FormatError);
});

test("ids that no token has are no roles", () => {
  const { specialTokens, tokenizer } = textOf({
    ...scored,
    "ggml.bos_token_id": 4294967295,
    "ggml.unknown_token_id": 99,
  });
  expect(specialTokens).toEqual({});
  expect(tokenizer?.postProcessor).toEqual({ type: "TemplateProcessing", parts: [1, "text"] });
});

test("a vocabulary from before GGUF", async () => {
  await using file = await openGgml(await openFile(join(fixtures, "gguf", "legacy-ggjt1-Q4_0.bin")));
  const { tokenizer, specialTokens } = legacyText(file.tokens);
  expect(specialTokens).toEqual({ unk_token: "<unk>", bos_token: "<s>", eos_token: "</s>" });
  const built = tokenizer && buildTokenizer(tokenizer);
  expect(built?.vocabSize).toBe(file.header.vocabSize);
  expect(built?.encode("A")[0]).toBe(1);
});

test("bytes by themselves are byte tokens in a vocabulary from before GGUF", () => {
  const bytes = Array.from({ length: 256 }, (_, byte) => ({ bytes: Uint8Array.of(byte), score: 0 }));
  const texts = ["", "", "", " a"].map((text) => ({ bytes: Buffer.from(text), score: -1 }));
  const { tokenizer } = legacyText([...texts.slice(0, 3), ...bytes, texts[3]]);
  const built = tokenizer && buildTokenizer(tokenizer);
  expect(built?.encode("é", { addSpecial: false }).slice(-2)).toEqual([3 + 0xc3, 3 + 0xa9]);
  expect(built?.token(259)).toBe("▁a");
});

const vocabulary = join(sharedFixtures ?? "", "tokenizers-gguf", "llama-spm");

test.skipIf(!existsSync(vocabulary))("a real vocabulary of 32,000 (skipped: ../shared is not there)", async () => {
  const { cases } = JSON.parse(readFileSync(join(vocabulary, "cases.json"), "utf8")) as {
    readonly cases: readonly { readonly text: string; readonly ids: readonly number[] }[];
  };
  await using file = await openGguf([await openFile(join(vocabulary, "vocab.gguf"))]);
  const { tokenizer } = ggufText(file.metadata, (message) => expect(message).toBe(""));
  const built = tokenizer && buildTokenizer(tokenizer);
  for (const { text, ids } of cases) expect(built?.encode(text, { addSpecial: false }), text).toEqual(ids);
});
