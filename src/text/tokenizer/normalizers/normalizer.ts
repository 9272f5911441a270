import type { StepBudget } from "../../../util/step-budget.ts";
import { stepsToRewrite } from "../budget.ts";
import { spell } from "../byte-alphabet.ts";
import type { Pattern } from "../pattern.ts";
import { createBertNormalizer, type BertNormalizer } from "./bert-normalizer.ts";
import { lowercase } from "./lowercase.ts";
import { normalizeNmt } from "./nmt.ts";
import { createPrecompiled, type PrecompiledNormalizer } from "./precompiled.ts";
import { createReplace } from "./replace.ts";
import { stripWhitespace } from "./strip-whitespace.ts";

/** Changes text before it is split. The kinds and their names are those of tokenizer.json. */
export type Normalizer =
  | UnicodeNormalizer
  | { readonly type: "Lowercase" }
  | StripNormalizer
  | { readonly type: "StripAccents" }
  | ReplaceNormalizer
  | PrependNormalizer
  | PrecompiledNormalizer
  | BertNormalizer
  | { readonly type: "Nmt" }
  | { readonly type: "ByteLevel" }
  | NormalizerSequence;

export interface UnicodeNormalizer {
  readonly type: "NFC" | "NFD" | "NFKC" | "NFKD";
}

/** White space at the ends goes. */
export interface StripNormalizer {
  readonly type: "Strip";
  readonly left: boolean;
  readonly right: boolean;
}

export interface ReplaceNormalizer {
  readonly type: "Replace";
  readonly pattern: Pattern;
  /** Taken as it is: `$1` means nothing. */
  readonly content: string;
}

/** An empty text stays empty. */
export interface PrependNormalizer {
  readonly type: "Prepend";
  readonly prepend: string;
}

export interface NormalizerSequence {
  readonly type: "Sequence";
  readonly normalizers: readonly Normalizer[];
}

export type Normalize = (text: string, budget: StepBudget) => string;

/** Throws FormatError or UnsupportedError for a regular expression or charsmap that cannot be used. */
export function createNormalize(normalizer: Normalizer): Normalize {
  switch (normalizer.type) {
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD":
      return (text) => text.normalize(normalizer.type);
    case "Lowercase":
      return lowercase;
    case "Strip":
      return (text) => stripWhitespace(text, normalizer);
    case "StripAccents":
      return (text) => text.replace(/\p{M}/gu, "");
    case "Replace":
      return createReplace(normalizer.pattern, normalizer.content);
    case "Prepend":
      return (text) => (text === "" ? "" : normalizer.prepend + text);
    case "Precompiled":
      return createPrecompiled(normalizer);
    case "BertNormalizer":
      return createBertNormalizer(normalizer);
    case "Nmt":
      return normalizeNmt;
    case "ByteLevel":
      return spell;
    case "Sequence": {
      const steps = normalizer.normalizers.map(createNormalize);
      return (text, budget) =>
        steps.reduce((changed, step) => {
          budget.spend(stepsToRewrite(changed.length)); // whatever the steps are, and if each doubles the text
          return step(changed, budget);
        }, text);
    }
  }
}
