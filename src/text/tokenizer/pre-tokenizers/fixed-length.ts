import { unitCount } from "../characters.ts";
import type { Pieces } from "./pieces.ts";

/** Splits every piece after each `length` characters. */
export function splitByLength({ texts, beginsText }: Pieces, length: number): Pieces {
  const split: string[] = [];
  for (const text of texts) {
    let start = 0;
    let count = 0;
    for (let i = 0; i < text.length;) {
      i += unitCount(text.codePointAt(i) ?? 0);
      if (++count < length && i < text.length) continue;
      split.push(text.slice(start, i));
      start = i;
      count = 0;
    }
  }
  return { texts: split, beginsText };
}
