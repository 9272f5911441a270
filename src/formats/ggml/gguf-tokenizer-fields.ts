import type { MetadataField } from "../../containers/gguf/write-gguf.ts";
import type { ChatTemplateSource } from "../../text/chat-template-source.ts";
import type { SpecialTokens } from "../../text/special-tokens.ts";
import { budgetFor } from "../../text/tokenizer/budget.ts";
import type { BpeModel } from "../../text/tokenizer/models/bpe.ts";
import type { Normalizer } from "../../text/tokenizer/normalizers/normalizer.ts";
import type { PostProcessor } from "../../text/tokenizer/post-processors/post-processor.ts";
import { createPreTokenize, type PreTokenizer } from "../../text/tokenizer/pre-tokenizers/pre-tokenizer.ts";
import type { TokenizerData } from "../../text/tokenizer/tokenizer-data.ts";
import { UnsupportedError } from "../../util/errors.ts";
import type { Warn } from "../../util/warn-once.ts";
import { flag, text, u32 } from "./gguf-fields.ts";
import { canonicalCuts, preTokenizerOf } from "./gguf-pre-tokenizers.ts";

const prefix = "tokenizer.ggml.";

/** `tokenizer.ggml.token_type`. */
const types = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** The text half of a model. */
export interface TextToWrite {
  readonly tokenizer: TokenizerData;
  readonly specialTokens: SpecialTokens;
  readonly templates: ChatTemplateSource | undefined;
  /** Ids that end an answer, the first the end of a text, as the model's configs have them. */
  readonly endIds: readonly number[];
}

/**
 * A tokenizer as the metadata of a GGUF file, with a token for each of `vocabSize` rows of the embedding: the inverse of `ggufText`.
 * Throws UnsupportedError for a tokenizer of a kind that GGUF does not have.
 * Source: llama.cpp gguf-py/gguf/vocab.py and src/llama-vocab.cpp.
 */
export function ggufTextFields(
  { tokenizer, specialTokens, templates, endIds }: TextToWrite,
  vocabSize: number,
  warn: Warn,
): ReadonlyMap<string, MetadataField> {
  const tokens = tokensOf(tokenizer, vocabSize);
  const fields = new Map<string, MetadataField>();
  const put = (key: string, field: MetadataField): unknown => fields.set(prefix + key, field);
  const { model } = tokenizer;
  if (model.type === "BPE" && isByteLevel(tokenizer)) {
    put("model", text("gpt2"));
    put("pre", text(cutOf(tokenizer, warn)));
    put("merges", { type: "array", of: "string", values: mergesOf(model) });
  } else if (model.type === "ScoredBPE" || (model.type === "BPE" && model.byteFallback)) {
    put("model", text("llama"));
    put("pre", text("default"));
    put("scores", { type: "array", of: "f32", values: scoresOf(tokenizer, tokens.length) });
    put("add_space_prefix", flag(addsSpacePrefix(tokenizer)));
  } else {
    throw new UnsupportedError(
      `its tokenizer is ${model.type}, of a kind that GGUF files of language models do not have`,
    );
  }
  put("tokens", { type: "array", of: "string", values: tokens.map(({ content }) => content) });
  put("token_type", { type: "array", of: "i32", values: tokens.map(({ type }) => type) });

  const { begin, end } = aroundText(tokenizer.postProcessor);
  const idOf = (role: string): number | undefined => {
    const id = specialTokens[role] === undefined ? undefined : idOfToken(tokenizer, specialTokens[role]);
    return id !== undefined && id < vocabSize ? id : undefined;
  };
  const roles: Readonly<Record<string, number | undefined>> = {
    bos_token_id: begin ?? idOf("bos_token"),
    eos_token_id: endIds[0] ?? end ?? idOf("eos_token"),
    eot_token_id: endIds[1],
    unknown_token_id: idOf("unk_token"),
    padding_token_id: idOf("pad_token"),
  };
  for (const [key, id] of Object.entries(roles)) if (id !== undefined && id < vocabSize) put(key, u32(id));
  put("add_bos_token", flag(begin !== undefined));
  put("add_eos_token", flag(end !== undefined));
  if (templates !== undefined) {
    fields.set("tokenizer.chat_template", text(templates.chat));
    if (templates.toolUse !== undefined) {
      fields.set("tokenizer.chat_template.tool_use", text(templates.toolUse));
      fields.set("tokenizer.chat_templates", { type: "array", of: "string", values: ["tool_use"] });
    }
  }
  return fields;
}

interface WrittenToken {
  readonly content: string;
  readonly type: number;
}

/** Rows of the embedding without a token get one that no text has. */
function tokensOf({ model, addedTokens }: TokenizerData, vocabSize: number): readonly WrittenToken[] {
  const added = new Map(addedTokens.map((token) => [token.id, token]));
  const unknown = "unknownId" in model ? model.unknownId : undefined;
  return Array.from({ length: vocabSize }, (_, id): WrittenToken => {
    const extra = added.get(id);
    const content = extra?.content ?? model.vocabulary.token(id);
    if (content === undefined) return { content: `[PAD${id}]`, type: types.unused };
    if (id === unknown) return { content, type: types.unknown };
    if (extra !== undefined) return { content, type: extra.special ? types.control : types.userDefined };
    return { content, type: /^<0x[0-9A-F]{2}>$/.test(content) ? types.byte : types.normal };
  });
}

function idOfToken({ model, addedTokens }: TokenizerData, content: string): number | undefined {
  return addedTokens.find((token) => token.content === content)?.id ?? model.vocabulary.idOf(content);
}

function isByteLevel({ decoder }: TokenizerData): boolean {
  return (
    decoder?.type === "ByteLevel" ||
    (decoder?.type === "Sequence" && decoder.decoders.some(({ type }) => type === "ByteLevel"))
  );
}

function mergesOf({ vocabulary, merges: { left, right } }: BpeModel): readonly string[] {
  return Array.from(left, (id, i) => `${vocabulary.token(id) ?? ""} ${vocabulary.token(right[i]) ?? ""}`);
}

/**
 * What merges first scores highest: less one for every merge before the one that first makes the token. Tokens that no merge makes are
 * never made of others, so that their score does not matter.
 */
function scoresOf({ model }: TokenizerData, count: number): Float32Array {
  if (model.type === "ScoredBPE") {
    const scores = new Float32Array(count);
    scores.set(model.scores.subarray(0, count));
    return scores;
  }
  const scores = new Float32Array(count).fill(-1e6);
  if (model.type !== "BPE") return scores;
  const { result } = model.merges;
  for (let rank = result.length - 1; rank >= 0; rank--) if (result[rank] < count) scores[result[rank]] = -rank;
  return scores;
}

/** In either of two ways: the normalizer puts U+2581 in front, or the pre-tokenizer does. */
function addsSpacePrefix({ normalizer, preTokenizer }: TokenizerData): boolean {
  const prepends = (each: Normalizer | undefined): boolean =>
    each?.type === "Prepend" || (each?.type === "Sequence" && each.normalizers.some(prepends));
  const isMetaspace = (each: PreTokenizer | undefined): boolean =>
    (each?.type === "Metaspace" && each.prependScheme !== "never") ||
    (each?.type === "Sequence" && each.preTokenizers.some(isMetaspace));
  return prepends(normalizer) || isMetaspace(preTokenizer);
}

/** The single tokens before and behind a text. */
function aroundText(processor: PostProcessor | undefined): { readonly begin?: number; readonly end?: number } {
  if (processor === undefined) return {};
  if (processor.type === "Sequence")
    return processor.processors.reduce((found, each) => ({ ...found, ...aroundText(each) }), {});
  const middle = processor.parts.indexOf("text");
  const [begin, end] = [processor.parts[middle - 1], processor.parts[middle + 1]];
  return { ...(typeof begin === "number" && { begin }), ...(typeof end === "number" && { end }) };
}

/** What tells the cuts apart: digits, contractions of either case, marks, scripts, punctuation, and every kind of white space. */
const probe =
  "Hello, World's I'LL we've\tit'S 3 33 333 3333 33333 ٣٤٥  x=1;y_2  ...!!! (a/b)\n\n \r\n  \n end.\n/// naïve Ωmega пример " +
  "ﷺ 你好世界 こんにちは e\u0301e\u0308 HTTPServer camelCase $100 <|x|> ~`^+=| \u00a0 \u2003tab\t\ttab 🙂🙃 'tis don't";

/** The name of the way in which text is cut before byte pair encoding. */
function cutOf({ preTokenizer, normalizer, model }: TokenizerData, warn: Warn): string {
  const ignoresMerges = model.type === "BPE" && model.ignoresMerges;
  const wanted = piecesOf(preTokenizer);
  const found = canonicalCuts.find(
    ({ cut }) => (cut.ignoresMerges ?? false) === ignoresMerges && piecesOf(preTokenizerOf(cut)) === wanted,
  );
  if (found === undefined)
    throw new UnsupportedError("its tokenizer cuts text before byte pair encoding in a way that GGUF has no name for");
  if (normalizer !== undefined)
    warn(`the tokenizer normalizes text (${normalizer.type}); readers of GGUF take text as it is`);
  return found.name;
}

function piecesOf(preTokenizer: PreTokenizer | undefined): string {
  if (preTokenizer === undefined) return "";
  const cut = createPreTokenize(preTokenizer);
  return JSON.stringify(cut({ texts: [probe], beginsText: true }, budgetFor(probe)).texts);
}
