import { scriptOf } from "../script-of.ts";
import { unitCount } from "../characters.ts";
import type { Pieces } from "./pieces.ts";

/**
 * Splits where the script changes. Spaces and unassigned characters belong to the script before them; before the first one they go. Kana
 * count as Han, as in SentencePiece.
 */
export function splitByScript({ texts, beginsText }: Pieces): Pieces {
  const split: string[] = [];
  let isBeginDropped = false;
  for (const text of texts) {
    let start = -1;
    let current = "";
    for (let i = 0; i < text.length;) {
      const code = text.codePointAt(i) ?? 0;
      const script = mergedScript(code);
      if (script !== undefined && script !== current) {
        if (start >= 0) split.push(text.slice(start, i));
        else if (i > 0 && split.length === 0) isBeginDropped = true;
        start = i;
        current = script;
      }
      i += unitCount(code);
    }
    if (start >= 0) split.push(text.slice(start));
    else if (split.length === 0) isBeginDropped = true;
  }
  return { texts: split, beginsText: beginsText && !isBeginDropped };
}

const longVowelMark = 0x30fc;

/** undefined: of any script. */
function mergedScript(code: number): string | undefined {
  if (code === 0x20) return undefined;
  if (code === longVowelMark) return "Han";
  const script = scriptOf(code);
  return script === "Hiragana" || script === "Katakana" ? "Han" : script;
}
