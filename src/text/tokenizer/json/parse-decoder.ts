import type { Decoder } from "../decoders/decoder.ts";
import type { Fields } from "./fields.ts";
import { parseList } from "./parse-list.ts";
import { parsePattern } from "./parse-pattern.ts";
import { parseMetaspace } from "./parse-pre-tokenizer.ts";

/** Throws UnsupportedError for an unknown kind. */
export function parseDecoder(fields: Fields): Decoder {
  const type = fields.type([
    ...(["ByteLevel", "ByteFallback", "Fuse", "Metaspace", "WordPiece", "BPEDecoder"] as const),
    ...(["CTC", "Strip", "Replace", "Sequence"] as const),
  ]);
  switch (type) {
    case "ByteLevel":
    case "ByteFallback":
    case "Fuse":
      return { type };
    case "Metaspace": {
      const { replacement, prependScheme } = parseMetaspace(fields);
      return { type, replacement, stripsFirst: prependScheme !== "never" };
    }
    case "WordPiece":
      return { type, prefix: fields.text("prefix"), cleansUp: fields.flag("cleanup") };
    case "BPEDecoder":
      return { type, suffix: fields.text("suffix") };
    case "CTC":
      return {
        type,
        padToken: fields.text("pad_token"),
        wordDelimiter: fields.text("word_delimiter_token"),
        cleansUp: fields.flag("cleanup"),
      };
    case "Strip": {
      const content = fields.character("content");
      return { type, content, start: fields.integer("start", maxStripped), stop: fields.integer("stop", maxStripped) };
    }
    case "Replace":
      return { type, pattern: parsePattern(fields), content: fields.text("content") };
    case "Sequence":
      return { type, decoders: parseList(fields, "decoders", parseDecoder) };
  }
}

/** So many characters may wait for the end of a token. */
const maxStripped = 2 ** 10;
