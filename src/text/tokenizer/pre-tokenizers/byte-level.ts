import type { PreTokenize } from "./pieces.ts";
import { spell } from "../byte-alphabet.ts";

export interface ByteLevelPreTokenizer {
  readonly type: "ByteLevel";
  /** A piece that does not begin with a space gets one. */
  readonly addsPrefixSpace: boolean;
  /** Whether pieces are split as GPT-2 does it. */
  readonly splits: boolean;
}

/**
 * GPT-2's split: English contractions, words, numbers and other signs each with the space before them, white space less the last of it.
 * (openai/gpt-2, src/encoder.py, with \s as Unicode has it)
 */
const gpt2 =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/uy;

/** Pieces are written in the byte alphabet. */
export function createByteLevel({ addsPrefixSpace, splits }: ByteLevelPreTokenizer): PreTokenize {
  return ({ texts, beginsText }) => {
    const spelled: string[] = [];
    for (const text of texts) {
      const spaced = addsPrefixSpace && !text.startsWith(" ") ? ` ${text}` : text;
      if (!splits) spelled.push(spell(spaced));
      else {
        // Every character belongs to a match.
        for (let start = 0; start < spaced.length; start = gpt2.lastIndex) {
          gpt2.lastIndex = start;
          gpt2.test(spaced);
          spelled.push(spell(spaced.slice(start, gpt2.lastIndex)));
        }
      }
    }
    return { texts: spelled, beginsText };
  };
}
