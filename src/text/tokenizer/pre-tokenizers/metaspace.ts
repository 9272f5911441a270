import { createFinder } from "../pattern.ts";
import type { PreTokenize } from "./pieces.ts";
import { createSplit } from "./split.ts";

/** SentencePiece's way: spaces become a visible character, which stays with the word behind it. */
export interface MetaspacePreTokenizer {
  readonly type: "Metaspace";
  /** One character, U+2581 as a rule. */
  readonly replacement: string;
  readonly prependScheme: PrependScheme;
  /** Whether pieces are split before each replacement. */
  readonly splits: boolean;
}

/** Which pieces get a replacement before them, unless they begin with one: all, only the one that begins the text, none. */
export type PrependScheme = (typeof prependSchemes)[number];

export const prependSchemes = ["always", "first", "never"] as const;

export function createMetaspace({ replacement, prependScheme, splits }: MetaspacePreTokenizer): PreTokenize {
  const split = createSplit(createFinder({ literal: replacement }), "MergedWithNext");
  return ({ texts, beginsText }, budget) => {
    const replaced = texts.map((text, index) => {
      const changed = text.replaceAll(" ", () => replacement);
      const isPrepended = prependScheme === "always" || (prependScheme === "first" && beginsText && index === 0);
      return isPrepended && !changed.startsWith(replacement) ? replacement + changed : changed;
    });
    const pieces = { texts: replaced, beginsText };
    return splits ? split(pieces, budget) : pieces;
  };
}
