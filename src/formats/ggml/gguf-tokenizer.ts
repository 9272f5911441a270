import type { Metadata } from "../../containers/gguf/metadata.ts";
import type { AddedToken } from "../../text/tokenizer/added-token.ts";
import type { Merges } from "../../text/tokenizer/models/merges.ts";
import type { PostProcessor } from "../../text/tokenizer/post-processors/post-processor.ts";
import type { TokenizerData } from "../../text/tokenizer/tokenizer-data.ts";
import { maxVocabSize, Vocabulary } from "../../text/tokenizer/vocabulary.ts";
import { FormatError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import type { Warn } from "../../util/warn-once.ts";
import { cutNamed, fallbackCut, preTokenizerOf } from "./gguf-pre-tokenizers.ts";

const prefix = "tokenizer.ggml.";

/** `tokenizer.ggml.token_type`. Normal tokens are 1, unused ones 5, bytes 6. */
const tokenTypes = { unknown: 2, control: 3, userDefined: 4 };

/** As for tokenizer.json: text is searched for every one of them at every place. */
const maxAddedTokens = 2 ** 17;
const longestAddedToken = 1024;

/**
 * The tokenizer that a GGUF file holds; undefined: it holds none, or (with a warning) one of a kind that is not read: those of encoders.
 * Throws FormatError for lists that contradict each other.
 * Source: llama.cpp src/llama-vocab.cpp, `llama_vocab::impl::load`.
 */
export function ggufTokenizer(metadata: Metadata, warn: Warn): TokenizerData | undefined {
  const kind = metadata.string(`${prefix}model`);
  const tokens = metadata.strings(`${prefix}tokens`);
  if (kind === undefined || tokens === undefined) return undefined;
  if (kind !== "llama" && kind !== "gpt2") {
    warn(`the tokenizer is of the kind ${quote(kind)}, which is not read; kinds that are: gpt2, llama. Token ids work`);
    return undefined;
  }
  if (tokens.length > maxVocabSize) throw new FormatError(`${tokens.length} tokens; at most ${maxVocabSize} are read`);
  const vocabulary = Vocabulary.of(tokens);
  const types = metadata.numbers(`${prefix}token_type`) ?? [];
  if (types.length > 0) requireLength(`${prefix}token_type`, types.length, tokens.length);
  const addedTokens = addedTokensOf(tokens, types);
  return kind === "llama"
    ? scored(metadata, vocabulary, addedTokens)
    : byteLevel(metadata, vocabulary, addedTokens, warn);
}

/** A vocabulary whose tokens have scores, as SentencePiece makes them. Also that of files from before GGUF. */
export function scoredTokenizer(parts: {
  readonly vocabulary: Vocabulary;
  readonly scores: Float32Array;
  readonly addedTokens: readonly AddedToken[];
  readonly unknownId: number | undefined;
  readonly addsSpacePrefix: boolean;
  readonly postProcessor: PostProcessor | undefined;
}): TokenizerData {
  const { vocabulary, scores, addedTokens, unknownId, addsSpacePrefix, postProcessor } = parts;
  const space = { type: "Replace", pattern: { literal: " " }, content: "\u2581" } as const;
  return {
    addedTokens,
    normalizer: addsSpacePrefix
      ? { type: "Sequence", normalizers: [{ type: "Prepend", prepend: "\u2581" }, space] }
      : space,
    preTokenizer: undefined,
    model: { type: "ScoredBPE", vocabulary, scores, unknownId },
    postProcessor,
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { literal: "\u2581" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...(addsSpacePrefix ? [{ type: "Strip", content: " ", start: 1, stop: 0 } as const] : []),
      ],
    },
  };
}

function scored(metadata: Metadata, vocabulary: Vocabulary, addedTokens: readonly AddedToken[]): TokenizerData {
  const scores = metadata.numbers(`${prefix}scores`) ?? [];
  if (scores.length > 0) requireLength(`${prefix}scores`, scores.length, vocabulary.size);
  if (scores.some(Number.isNaN)) throw new FormatError(`${prefix}scores holds what is no number`);
  return scoredTokenizer({
    vocabulary,
    scores: scores.length > 0 ? Float32Array.from(scores) : new Float32Array(vocabulary.size),
    addedTokens,
    unknownId: idAt(metadata, "unknown", vocabulary) ?? 0,
    addsSpacePrefix: metadata.boolean(`${prefix}add_space_prefix`) ?? true,
    postProcessor: postProcessorOf(metadata, vocabulary, { addsBegin: true, begin: 1, end: 2 }),
  });
}

function byteLevel(
  metadata: Metadata,
  vocabulary: Vocabulary,
  addedTokens: readonly AddedToken[],
  warn: Warn,
): TokenizerData {
  const name = metadata.string(`${prefix}pre`) ?? "default";
  const cut = cutNamed(name);
  if (cut === undefined) {
    warn(
      `the tokenizer's ${prefix}pre is ${quote(name)}, which is not known: text is cut by the default, maybe wrongly`,
    );
  }
  const { ignoresMerges = false, addsBegin = false } = cut ?? fallbackCut;
  return {
    addedTokens,
    normalizer: undefined,
    preTokenizer: preTokenizerOf(cut ?? fallbackCut),
    model: {
      type: "BPE",
      vocabulary,
      merges: mergesOf(metadata.strings(`${prefix}merges`) ?? [], vocabulary),
      unknownToken: undefined,
      continuingPrefix: "",
      wordSuffix: "",
      fusesUnknown: false,
      byteFallback: false,
      ignoresMerges,
    },
    postProcessor: postProcessorOf(metadata, vocabulary, { addsBegin, begin: 11, end: 11 }),
    decoder: { type: "ByteLevel" },
  };
}

/** Tokens that are found in text before the model sees it: those that steer it, and those that somebody defined. */
function addedTokensOf(tokens: readonly string[], types: readonly number[]): readonly AddedToken[] {
  const { unknown, control, userDefined } = tokenTypes;
  const added: AddedToken[] = [];
  for (const [id, type] of types.entries()) {
    if (type !== unknown && type !== control && type !== userDefined) continue;
    const content = tokens[id];
    if (content === "" || content.length > longestAddedToken) continue; // never found
    if (added.length === maxAddedTokens) {
      throw new FormatError(`${prefix}token_type marks more than ${maxAddedTokens} tokens as special`);
    }
    const special = type !== userDefined;
    added.push({ id, content, special, normalized: false, lstrip: false, rstrip: false, singleWord: false });
  }
  return added;
}

/** "left right": both are tokens, and so is what they make together. Merges of what are no tokens are passed over, as llama.cpp does. */
function mergesOf(merges: readonly string[], vocabulary: Vocabulary): Merges {
  const left: number[] = [];
  const right: number[] = [];
  const result: number[] = [];
  for (const merge of merges) {
    const middle = merge.indexOf(" ", 1);
    if (middle < 0) throw new FormatError(`${prefix}merges: ${quote(merge)} has no space between its parts`);
    const [a, b] = [merge.slice(0, middle), merge.slice(middle + 1)];
    const ids = [a, b, a + b].map((token) => vocabulary.idOf(token));
    if (ids.includes(undefined)) continue;
    left.push(ids[0] ?? 0);
    right.push(ids[1] ?? 0);
    result.push(ids[2] ?? 0);
  }
  return { left: Int32Array.from(left), right: Int32Array.from(right), result: Int32Array.from(result) };
}

function postProcessorOf(
  metadata: Metadata,
  vocabulary: Vocabulary,
  usual: { readonly addsBegin: boolean; readonly begin: number; readonly end: number },
): PostProcessor | undefined {
  const begin = idAt(metadata, "bos", vocabulary) ?? usual.begin;
  const end = idAt(metadata, "eos", vocabulary) ?? usual.end;
  const addsBegin = (metadata.boolean(`${prefix}add_bos_token`) ?? usual.addsBegin) && vocabulary.has(begin);
  const addsEnd = (metadata.boolean(`${prefix}add_eos_token`) ?? false) && vocabulary.has(end);
  if (!addsBegin && !addsEnd) return undefined;
  return { type: "TemplateProcessing", parts: [...(addsBegin ? [begin] : []), "text", ...(addsEnd ? [end] : [])] };
}

/** The id of a role; undefined: the file names none, or (some writers put -1 as an unsigned number) one that no token has. */
function idAt(metadata: Metadata, role: string, vocabulary: Vocabulary): number | undefined {
  const id = metadata.number(`${prefix}${role}_token_id`);
  return id !== undefined && vocabulary.has(id) ? id : undefined;
}

function requireLength(key: string, found: number, tokens: number): void {
  if (found !== tokens) throw new FormatError(`${key} has ${found} entries for ${tokens} tokens`);
}
