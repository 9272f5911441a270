import { stepsToRewrite } from "../budget.ts";
import { isNumeric, isPunctuation, isWhitespace } from "../characters.ts";
import { CharacterFinder, createFinder, type Pattern } from "../pattern.ts";
import { createByteLevel, type ByteLevelPreTokenizer } from "./byte-level.ts";
import { splitByLength } from "./fixed-length.ts";
import { createMetaspace, type MetaspacePreTokenizer } from "./metaspace.ts";
import type { PreTokenize } from "./pieces.ts";
import { createSplit, type SplitBehavior } from "./split.ts";
import { splitByScript } from "./unicode-scripts.ts";
import { WordFinder } from "./word-finder.ts";

/** Splits text into the pieces that the model sees one by one. The kinds and their names are those of tokenizer.json. */
export type PreTokenizer =
  | ByteLevelPreTokenizer
  | MetaspacePreTokenizer
  | SplitPreTokenizer
  | DigitsPreTokenizer
  | PunctuationPreTokenizer
  | { readonly type: "Whitespace" }
  | { readonly type: "WhitespaceSplit" }
  | { readonly type: "BertPreTokenizer" }
  | { readonly type: "UnicodeScripts" }
  | CharDelimiterPreTokenizer
  | FixedLengthPreTokenizer
  | PreTokenizerSequence;

export interface SplitPreTokenizer {
  readonly type: "Split";
  readonly pattern: Pattern;
  readonly behavior: SplitBehavior;
  /** What the pattern does not match counts as match, and the other way round. */
  readonly invert: boolean;
}

export interface DigitsPreTokenizer {
  readonly type: "Digits";
  /** Each digit by itself, or runs of them. */
  readonly individual: boolean;
}

export interface PunctuationPreTokenizer {
  readonly type: "Punctuation";
  readonly behavior: SplitBehavior;
}

export interface CharDelimiterPreTokenizer {
  readonly type: "CharDelimiterSplit";
  readonly delimiter: string;
}

export interface FixedLengthPreTokenizer {
  readonly type: "FixedLength";
  /** In characters. */
  readonly length: number;
}

export interface PreTokenizerSequence {
  readonly type: "Sequence";
  readonly preTokenizers: readonly PreTokenizer[];
}

/** Throws FormatError or UnsupportedError for a regular expression that cannot be compiled. */
export function createPreTokenize(preTokenizer: PreTokenizer): PreTokenize {
  switch (preTokenizer.type) {
    case "ByteLevel":
      return createByteLevel(preTokenizer);
    case "Metaspace":
      return createMetaspace(preTokenizer);
    case "Split":
      return createSplit(createFinder(preTokenizer.pattern), preTokenizer.behavior, preTokenizer.invert);
    case "Digits":
      return createSplit(new CharacterFinder(isNumeric), preTokenizer.individual ? "Isolated" : "Contiguous");
    case "Punctuation":
      return createSplit(new CharacterFinder(isPunctuation), preTokenizer.behavior);
    case "Whitespace":
      return createSplit(new WordFinder(), "Removed", true);
    case "WhitespaceSplit":
      return createSplit(new CharacterFinder(isWhitespace), "Removed");
    case "BertPreTokenizer":
      return chain([
        createSplit(new CharacterFinder(isWhitespace), "Removed"),
        createSplit(new CharacterFinder(isPunctuation), "Isolated"),
      ]);
    case "UnicodeScripts":
      return splitByScript;
    case "CharDelimiterSplit":
      return createSplit(createFinder({ literal: preTokenizer.delimiter }), "Removed");
    case "FixedLength":
      return (pieces) => splitByLength(pieces, preTokenizer.length);
    case "Sequence":
      return chain(preTokenizer.preTokenizers.map(createPreTokenize));
  }
}

function chain(steps: readonly PreTokenize[]): PreTokenize {
  return (pieces, budget) =>
    steps.reduce((split, step) => {
      budget.spend(stepsToRewrite(split.texts.reduce((length, text) => length + text.length, split.texts.length)));
      return step(split, budget);
    }, pieces);
}
