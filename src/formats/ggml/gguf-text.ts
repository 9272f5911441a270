import type { GgmlToken } from "../../containers/ggml/open-ggml.ts";
import type { Metadata } from "../../containers/gguf/metadata.ts";
import type { ChatTemplateSource } from "../../text/chat-template-source.ts";
import type { SpecialTokens } from "../../text/special-tokens.ts";
import type { AddedToken } from "../../text/tokenizer/added-token.ts";
import type { TokenizerData } from "../../text/tokenizer/tokenizer-data.ts";
import { Vocabulary } from "../../text/tokenizer/vocabulary.ts";
import type { Warn } from "../../util/warn-once.ts";
import { ggufTokenizer, scoredTokenizer } from "./gguf-tokenizer.ts";

/** The text half of a model, where the file of its weights holds it. */
export interface EmbeddedText {
  readonly tokenizer: TokenizerData | undefined;
  readonly specialTokens: SpecialTokens;
  readonly templates: ChatTemplateSource | undefined;
}

/** What chat templates call the tokens that GGUF knows by these names. */
const roles: Readonly<Record<string, string>> = {
  bos: "bos_token",
  eos: "eos_token",
  unknown: "unk_token",
  seperator: "sep_token", // spelled so
  padding: "pad_token",
};

/** Throws FormatError for lists that contradict each other. */
export function ggufText(metadata: Metadata, warn: Warn): EmbeddedText {
  const tokenizer = ggufTokenizer(metadata, warn);
  const specialTokens: Record<string, string> = {};
  for (const [role, name] of Object.entries(roles)) {
    const id = metadata.number(`tokenizer.ggml.${role}_token_id`);
    const token = id === undefined ? undefined : tokenizer?.model.vocabulary.token(id);
    if (token !== undefined) specialTokens[name] = token;
  }
  const chat = metadata.string("tokenizer.chat_template");
  const toolUse = metadata.string("tokenizer.chat_template.tool_use");
  const templates = chat === undefined ? undefined : { chat, ...(toolUse !== undefined && { toolUse }) };
  return { tokenizer, specialTokens, templates };
}

/** The first three tokens of every LLaMA of 2023. */
const llamaRoles = ["<unk>", "<s>", "</s>"];

/**
 * The vocabulary of a file from before GGUF: the bytes that tokens stand for, with a space where SentencePiece writes U+2581. Its bytes by
 * themselves are the tokens 3 to 258, as in the vocabulary that the converter had read.
 */
export function legacyText(tokens: readonly GgmlToken[]): EmbeddedText {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const spellings = tokens.map(({ bytes }, id) => {
    if (id < llamaRoles.length) return llamaRoles[id];
    if (id < llamaRoles.length + 256 && bytes.byteLength === 1) {
      return `<0x${bytes[0].toString(16).toUpperCase().padStart(2, "0")}>`;
    }
    return decoder.decode(bytes).replaceAll(" ", "\u2581");
  });
  const addedTokens = llamaRoles.slice(0, tokens.length).map((content, id): AddedToken => ({
    ...{ id, content, special: true },
    ...{ normalized: false, lstrip: false, rstrip: false, singleWord: false },
  }));
  return {
    tokenizer: scoredTokenizer({
      vocabulary: Vocabulary.of(spellings),
      scores: Float32Array.from(tokens, ({ score }) => (Number.isNaN(score) ? 0 : score)),
      addedTokens,
      unknownId: 0,
      addsSpacePrefix: true,
      postProcessor: { type: "TemplateProcessing", parts: [1, "text"] },
    }),
    specialTokens: { unk_token: "<unk>", bos_token: "<s>", eos_token: "</s>" },
    templates: undefined,
  };
}
