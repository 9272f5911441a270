import { prependSchemes, type MetaspacePreTokenizer } from "../pre-tokenizers/metaspace.ts";
import type { PreTokenizer } from "../pre-tokenizers/pre-tokenizer.ts";
import { splitBehaviors } from "../pre-tokenizers/split.ts";
import type { Fields } from "./fields.ts";
import { parseList } from "./parse-list.ts";
import { parsePattern } from "./parse-pattern.ts";

/** Throws UnsupportedError for an unknown kind. */
export function parsePreTokenizer(fields: Fields): PreTokenizer {
  const type = fields.type([
    ...(["ByteLevel", "Metaspace", "Split", "Digits", "Punctuation", "Whitespace", "WhitespaceSplit"] as const),
    ...(["BertPreTokenizer", "UnicodeScripts", "CharDelimiterSplit", "FixedLength", "Sequence"] as const),
  ]);
  switch (type) {
    case "Whitespace":
    case "WhitespaceSplit":
    case "BertPreTokenizer":
    case "UnicodeScripts":
      return { type };
    case "ByteLevel":
      return { type, addsPrefixSpace: fields.flag("add_prefix_space"), splits: fields.flag("use_regex", true) };
    case "Metaspace":
      return parseMetaspace(fields);
    case "Split": {
      const behavior = fields.oneOf("behavior", splitBehaviors);
      return { type, pattern: parsePattern(fields), behavior, invert: fields.flag("invert") };
    }
    case "Digits":
      return { type, individual: fields.flag("individual_digits") };
    case "Punctuation":
      return { type, behavior: fields.oneOf("behavior", splitBehaviors, "Isolated") };
    case "CharDelimiterSplit":
      return { type, delimiter: fields.character("delimiter") };
    case "FixedLength":
      return { type, length: Math.max(1, fields.integer("length", 2 ** 31)) };
    case "Sequence":
      return { type, preTokenizers: parseList(fields, "pretokenizers", parsePreTokenizer) };
  }
}

/** Also read for the decoder of the same name. Files from before tokenizers 0.15 say `add_prefix_space` instead of a scheme. */
export function parseMetaspace(fields: Fields): MetaspacePreTokenizer {
  const wasAdded = fields.flag("add_prefix_space", true);
  return {
    type: "Metaspace",
    replacement: fields.character("replacement"),
    prependScheme: fields.oneOf("prepend_scheme", prependSchemes, wasAdded ? "always" : "never"),
    splits: fields.flag("split", true),
  };
}
