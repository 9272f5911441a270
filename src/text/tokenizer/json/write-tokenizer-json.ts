import type { JsonObject, JsonValue } from "../../../util/json.ts";
import type { Decoder } from "../decoders/decoder.ts";
import { mergesByScore } from "../models/merges-by-score.ts";
import type { Model } from "../models/model.ts";
import type { Normalizer } from "../normalizers/normalizer.ts";
import type { Pattern } from "../pattern.ts";
import type { PostProcessor } from "../post-processors/post-processor.ts";
import type { PreTokenizer } from "../pre-tokenizers/pre-tokenizer.ts";
import type { TokenizerData } from "../tokenizer-data.ts";
import type { Vocabulary } from "../vocabulary.ts";

/**
 * A tokenizer as tokenizers 0.23 writes it: the inverse of `parseTokenizerJson`, but for a model of scores alone, for which the format
 * has no name and which becomes a list of merges (merges-by-score.ts). A vocabulary may hold tokens that cannot be told apart (two of one
 * spelling, bytes that are no UTF-8); JSON holds the last of each, which is the one that text becomes.
 */
export function writeTokenizerJson(data: TokenizerData): string {
  const { addedTokens, normalizer, preTokenizer, model, postProcessor, decoder } = data;
  const nameOf = (id: number): string =>
    model.vocabulary.token(id) ?? addedTokens.find((token) => token.id === id)?.content ?? String(id);
  return JSON.stringify({
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens.map(({ id, content, special, normalized, lstrip, rstrip, singleWord }) => ({
      ...{ id, content, single_word: singleWord, lstrip, rstrip, normalized, special },
    })),
    normalizer: normalizer ? normalizerJson(normalizer) : null,
    pre_tokenizer: preTokenizer ? preTokenizerJson(preTokenizer) : null,
    post_processor: postProcessor ? postProcessorJson(postProcessor, nameOf) : null,
    decoder: decoder ? decoderJson(decoder) : null,
    model: modelJson(model),
  });
}

function patternJson(pattern: Pattern): JsonObject {
  return "literal" in pattern ? { String: pattern.literal } : { Regex: pattern.regex };
}

function normalizerJson(normalizer: Normalizer): JsonObject {
  const { type } = normalizer;
  switch (type) {
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD":
    case "Lowercase":
    case "StripAccents":
    case "Nmt":
    case "ByteLevel":
      return { type };
    case "Strip":
      return { type, strip_left: normalizer.left, strip_right: normalizer.right };
    case "Replace":
      return { type, pattern: patternJson(normalizer.pattern), content: normalizer.content };
    case "Prepend":
      return { type, prepend: normalizer.prepend };
    case "Precompiled":
      return { type, precompiled_charsmap: base64(normalizer.charsmap) };
    case "BertNormalizer":
      return {
        type,
        clean_text: normalizer.cleansText,
        handle_chinese_chars: normalizer.spacesIdeographs,
        strip_accents: normalizer.stripsAccents,
        lowercase: normalizer.lowercases,
      };
    case "Sequence":
      return { type, normalizers: normalizer.normalizers.map(normalizerJson) };
  }
}

function preTokenizerJson(preTokenizer: PreTokenizer): JsonObject {
  const { type } = preTokenizer;
  switch (type) {
    case "Whitespace":
    case "WhitespaceSplit":
    case "BertPreTokenizer":
    case "UnicodeScripts":
      return { type };
    case "ByteLevel": {
      const { addsPrefixSpace, splits } = preTokenizer;
      return { type, add_prefix_space: addsPrefixSpace, trim_offsets: true, use_regex: splits };
    }
    case "Metaspace": {
      const { replacement, prependScheme, splits } = preTokenizer;
      return { type, replacement, prepend_scheme: prependScheme, split: splits };
    }
    case "Split": {
      const { pattern, behavior, invert } = preTokenizer;
      return { type, pattern: patternJson(pattern), behavior, invert };
    }
    case "Digits":
      return { type, individual_digits: preTokenizer.individual };
    case "Punctuation":
      return { type, behavior: preTokenizer.behavior };
    case "CharDelimiterSplit":
      return { type, delimiter: preTokenizer.delimiter };
    case "FixedLength":
      return { type, length: preTokenizer.length };
    case "Sequence":
      return { type, pretokenizers: preTokenizer.preTokenizers.map(preTokenizerJson) };
  }
}

/** The reference wants a form for pairs of texts too; ours is the one for a text, and the second text behind it. */
function postProcessorJson(processor: PostProcessor, nameOf: (id: number) => string): JsonObject {
  const { type } = processor;
  if (type === "Sequence")
    return { type, processors: processor.processors.map((one) => postProcessorJson(one, nameOf)) };
  const single = processor.parts.map((part): JsonObject =>
    part === "text" ? { Sequence: { id: "A", type_id: 0 } } : { SpecialToken: { id: nameOf(part), type_id: 0 } },
  );
  const ids = [...new Set(processor.parts.filter((part) => part !== "text"))];
  const special = ids.map((id) => [nameOf(id), { id: nameOf(id), ids: [id], tokens: [nameOf(id)] }] as const);
  return {
    type,
    single,
    pair: [...single, { Sequence: { id: "B", type_id: 1 } }],
    special_tokens: Object.fromEntries(special),
  };
}

function decoderJson(decoder: Decoder): JsonObject {
  const { type } = decoder;
  switch (type) {
    case "ByteLevel":
      return { type, add_prefix_space: true, trim_offsets: true, use_regex: true };
    case "ByteFallback":
    case "Fuse":
      return { type };
    case "Metaspace": {
      const { replacement, stripsFirst } = decoder;
      return { type, replacement, prepend_scheme: stripsFirst ? "always" : "never", split: true };
    }
    case "WordPiece":
      return { type, prefix: decoder.prefix, cleanup: decoder.cleansUp };
    case "BPEDecoder":
      return { type, suffix: decoder.suffix };
    case "CTC": {
      const { padToken, wordDelimiter, cleansUp } = decoder;
      return { type, pad_token: padToken, word_delimiter_token: wordDelimiter, cleanup: cleansUp };
    }
    case "Strip":
      return { type, content: decoder.content, start: decoder.start, stop: decoder.stop };
    case "Replace":
      return { type, pattern: patternJson(decoder.pattern), content: decoder.content };
    case "Sequence":
      return { type, decoders: decoder.decoders.map(decoderJson) };
  }
}

function modelJson(model: Model): JsonObject {
  const { vocabulary } = model;
  switch (model.type) {
    case "BPE":
      return bpeJson(vocabulary, model.merges, {
        unk_token: model.unknownToken ?? null,
        continuing_subword_prefix: model.continuingPrefix || null,
        end_of_word_suffix: model.wordSuffix || null,
        fuse_unk: model.fusesUnknown,
        byte_fallback: model.byteFallback,
        ignore_merges: model.ignoresMerges,
      });
    case "ScoredBPE":
      return bpeJson(vocabulary, mergesByScore(model), {
        unk_token: (model.unknownId === undefined ? undefined : vocabulary.token(model.unknownId)) ?? null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: true,
        byte_fallback: true,
        ignore_merges: false,
      });
    case "Unigram":
      return {
        type: model.type,
        unk_id: model.unknownId ?? null,
        vocab: Array.from(model.scores, (score, id) => [vocabulary.token(id) ?? "", score]),
        byte_fallback: model.byteFallback,
      };
    case "WordPiece":
      return {
        type: model.type,
        unk_token: model.unknownToken,
        continuing_subword_prefix: model.continuingPrefix,
        max_input_chars_per_word: model.maxWordCharacters,
        vocab: vocabularyJson(vocabulary),
      };
    case "WordLevel":
      return { type: model.type, vocab: vocabularyJson(vocabulary), unk_token: model.unknownToken };
  }
}

/** Vocabulary before merges: so they are read in one pass. */
function bpeJson(
  vocabulary: Vocabulary,
  { left, right }: { readonly left: Int32Array; readonly right: Int32Array },
  settings: JsonObject,
): JsonObject {
  const merges = Array.from(left, (id, rank): JsonValue => [
    vocabulary.token(id) ?? "",
    vocabulary.token(right[rank]) ?? "",
  ]);
  return { type: "BPE", dropout: null, ...settings, vocab: vocabularyJson(vocabulary), merges };
}

/** Tokens by spelling: `__proto__` may be one. */
function vocabularyJson(vocabulary: Vocabulary): JsonObject {
  const ids = Object.create(null) as Record<string, number>;
  for (let id = 0; id < vocabulary.size; id++) {
    const token = vocabulary.token(id);
    if (token !== undefined) ids[token] = id;
  }
  return ids;
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
