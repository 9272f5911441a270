import { isWhitespace, isWordCharacter, unitCount } from "../characters.ts";
import type { Finder } from "../pattern.ts";

/** Finds `\w+|[^\w\s]+`: runs of word characters, and runs of what is neither that nor white space. */
export class WordFinder implements Finder {
  start = 0;

  find(text: string, from: number): number {
    let i = from;
    while (i < text.length && isWhitespace(text.charCodeAt(i))) i++;
    if (i === text.length) return -1;
    this.start = i;
    const isWord = isWordCharacter(text.codePointAt(i) ?? 0);
    while (i < text.length) {
      const code = text.codePointAt(i) ?? 0;
      if (isWordCharacter(code) !== isWord || (!isWord && isWhitespace(code))) break;
      i += unitCount(code);
    }
    return i;
  }
}
