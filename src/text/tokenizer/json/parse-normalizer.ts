import { FormatError } from "../../../util/errors.ts";
import type { Normalizer } from "../normalizers/normalizer.ts";
import type { Fields } from "./fields.ts";
import { parseList } from "./parse-list.ts";
import { parsePattern } from "./parse-pattern.ts";

/** Throws UnsupportedError for an unknown kind. */
export function parseNormalizer(fields: Fields): Normalizer {
  const type = fields.type([
    ...(["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Strip", "StripAccents", "Replace"] as const),
    ...(["Prepend", "Precompiled", "BertNormalizer", "Nmt", "ByteLevel", "Sequence"] as const),
  ]);
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
      return { type, left: fields.flag("strip_left"), right: fields.flag("strip_right") };
    case "Replace":
      return { type, pattern: parsePattern(fields), content: fields.text("content") };
    case "Prepend":
      return { type, prepend: fields.text("prepend") };
    case "Precompiled":
      return { type, charsmap: parseCharsmap(fields) };
    case "BertNormalizer": {
      const lowercases = fields.flag("lowercase");
      return {
        type,
        cleansText: fields.flag("clean_text"),
        spacesIdeographs: fields.flag("handle_chinese_chars"),
        stripsAccents: fields.flag("strip_accents", lowercases),
        lowercases,
      };
    }
    case "Sequence":
      return { type, normalizers: parseList(fields, "normalizers", parseNormalizer) };
  }
}

function parseCharsmap(fields: Fields): Uint8Array {
  const where = `${fields.where}.precompiled_charsmap`;
  const base64 = fields.value("precompiled_charsmap");
  if (base64 === undefined) return new Uint8Array();
  if (typeof base64 !== "string") throw new FormatError(`${where} is no text`);
  try {
    return Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0));
  } catch (cause) {
    throw new FormatError(`${where} is not base64`, { cause });
  }
}
