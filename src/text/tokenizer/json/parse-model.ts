import { FormatError } from "../../../util/errors.ts";
import type { Merges } from "../models/merges.ts";
import type { Model } from "../models/model.ts";
import { Fields } from "./fields.ts";
import { beginArray, beginObject, endObject, JsonScanner } from "./json-scanner.ts";
import { parseMerges } from "./parse-merges.ts";
import { parseScoredVocabulary, parseVocabulary, type ScoredVocabulary } from "./parse-vocabulary.ts";

const modelTypes = ["BPE", "Unigram", "WordPiece", "WordLevel"] as const;

/**
 * Reads the model, an object that comes next. In the order in which files are written (type, settings, vocabulary, merges) every byte is
 * read once. Throws UnsupportedError for an unknown kind.
 */
export function parseModel(scanner: JsonScanner): Model {
  const parts = new ModelParts(scanner);
  const { fields, plain, scored } = parts;
  const type = fields.type(modelTypes, scored ? "Unigram" : parts.hasMerges ? "BPE" : "WordPiece"); // files from before tokenizers 0.9 name none
  if (type === "Unigram") {
    if (scored === undefined) throw new FormatError("model.vocab must be a list of [token, score], and is not");
    const { vocabulary, scores } = scored;
    const unknownId = fields.has("unk_id") ? fields.integer("unk_id", vocabulary.size - 1) : undefined;
    return { type, vocabulary, scores, unknownId, byteFallback: fields.flag("byte_fallback", false) };
  }
  if (plain === undefined) throw new FormatError("model.vocab must be an object of ids by token, and is not");
  switch (type) {
    case "BPE": {
      const continuingPrefix = fields.text("continuing_subword_prefix", "");
      return {
        type,
        vocabulary: plain,
        merges: parts.merges(continuingPrefix),
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
        vocabulary: plain,
        unknownToken: fields.text("unk_token", "[UNK]"),
        continuingPrefix: fields.text("continuing_subword_prefix", "##"),
        maxWordCharacters: fields.integer("max_input_chars_per_word", 2 ** 31, 100),
      };
    case "WordLevel":
      return { type, vocabulary: plain, unknownToken: fields.text("unk_token") };
  }
}

/** The members of the model, the large ones packed. */
class ModelParts {
  readonly fields: Fields;
  plain: ReturnType<typeof parseVocabulary> | undefined;
  scored: ScoredVocabulary | undefined;
  readonly #bytes: Uint8Array;
  readonly #names = new Set<string>();
  #mergesPosition = -1;
  #merges: Merges | undefined;
  #prefixOfMerges = "";

  constructor(scanner: JsonScanner) {
    this.#bytes = scanner.bytes;
    const values = Object.create(null) as Record<string, unknown>; // a member may be called __proto__
    this.fields = new Fields(values, "model");
    scanner.enter(beginObject);
    while (scanner.more(endObject)) {
      const name = scanner.readKey();
      this.#names.add(name);
      if (name === "vocab") this.#readVocabulary(scanner);
      else if (name === "merges") this.#readMerges(scanner);
      else values[name] = scanner.readValue();
    }
    if (this.plain === undefined && this.scored === undefined) throw new FormatError("model has no vocab");
  }

  get hasMerges(): boolean {
    return this.#mergesPosition !== -1;
  }

  merges(continuingPrefix: string): Merges {
    if (!this.hasMerges || this.plain === undefined) throw new FormatError("model has no merges");
    if (this.#merges !== undefined && this.#prefixOfMerges === continuingPrefix) return this.#merges;
    return parseMerges(new JsonScanner(this.#bytes, this.#mergesPosition), this.plain, continuingPrefix);
  }

  #readVocabulary(scanner: JsonScanner): void {
    if (this.fields.has("type")) this.fields.type(modelTypes);
    if (scanner.peek() === beginArray) this.scored = parseScoredVocabulary(scanner);
    else this.plain = parseVocabulary(scanner);
  }

  /** At once where all is known that they need. */
  #readMerges(scanner: JsonScanner): void {
    this.#mergesPosition = scanner.position;
    this.#prefixOfMerges = this.fields.text("continuing_subword_prefix", "");
    if (this.plain === undefined || !this.#names.has("continuing_subword_prefix")) scanner.skipValue();
    else this.#merges = parseMerges(scanner, this.plain, this.#prefixOfMerges);
  }
}
