import { FormatError } from "../../../util/errors.ts";
import type { Model } from "../models/model.ts";
import { Fields } from "./fields.ts";
import { beginArray, JsonScanner } from "./json-scanner.ts";
import { memberPositions } from "./member-positions.ts";
import { parseMerges } from "./parse-merges.ts";
import { parseScoredVocabulary, parseVocabulary } from "./parse-vocabulary.ts";

const modelTypes = ["BPE", "Unigram", "WordPiece", "WordLevel"] as const;

/** Reads the model at a position of the file. Throws UnsupportedError for an unknown kind. */
export function parseModel(bytes: Uint8Array, position: number): Model {
  const members = memberPositions(bytes, position);
  const at = (name: string): JsonScanner => {
    const start = members.get(name);
    if (start === undefined) throw new FormatError(`model has no ${name}`);
    return new JsonScanner(bytes, start);
  };
  const small = [...members].filter(([name]) => name !== "vocab" && name !== "merges");
  const fields = new Fields(
    Object.fromEntries(small.map(([name, start]) => [name, new JsonScanner(bytes, start).readValue()])),
    "model",
  );
  const type = fields.type(modelTypes, guessType(members, at("vocab")));
  if (type === "Unigram") {
    const { vocabulary, scores } = parseScoredVocabulary(at("vocab"));
    const unknownId = fields.has("unk_id") ? fields.integer("unk_id", vocabulary.size - 1) : undefined;
    return { type, vocabulary, scores, unknownId, byteFallback: fields.flag("byte_fallback", false) };
  }
  const vocabulary = parseVocabulary(at("vocab"));
  switch (type) {
    case "BPE": {
      const continuingPrefix = fields.text("continuing_subword_prefix", "");
      return {
        type,
        vocabulary,
        merges: parseMerges(at("merges"), vocabulary, continuingPrefix),
        unknownToken: fields.optionalText("unk_token"),
        continuingPrefix,
        wordSuffix: fields.text("end_of_word_suffix", ""),
        fusesUnknown: fields.flag("fuse_unk", false),
        byteFallback: fields.flag("byte_fallback", false),
        ignoresMerges: fields.flag("ignore_merges", false),
      };
    }
    case "WordPiece":
      return {
        type,
        vocabulary,
        unknownToken: fields.text("unk_token", "[UNK]"),
        continuingPrefix: fields.text("continuing_subword_prefix", "##"),
        maxWordCharacters: fields.integer("max_input_chars_per_word", 2 ** 31, 100),
      };
    case "WordLevel":
      return { type, vocabulary, unknownToken: fields.text("unk_token") };
  }
}

/** Files from before tokenizers 0.9 name no type. */
function guessType(members: ReadonlyMap<string, number>, vocabulary: JsonScanner): (typeof modelTypes)[number] {
  if (vocabulary.peek() === beginArray) return "Unigram";
  return members.has("merges") ? "BPE" : "WordPiece";
}
