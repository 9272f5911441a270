import type { StepBudget } from "../../util/step-budget.ts";
import type { AddedToken } from "./added-token.ts";
import { CharTrie } from "./char-trie.ts";
import { codePointBefore, isWhitespace, isWordCharacter } from "./characters.ts";

/** Part of a text: an added token, or what lies between them. */
export type Section = AddedToken | string;

/** Finds added tokens: at every place the longest, from the left. */
export class AddedTokenMatcher {
  readonly #trie = new CharTrie();
  readonly #tokens: AddedToken[] = [];
  /** A bit for each UTF-16 unit that a token begins with: most of a text is passed over without a look at the trie. */
  readonly #firsts = new Uint8Array(0x2000);

  /** `spelling`: how a token is written in the text that will be searched. Of equal ones the first counts. */
  constructor(tokens: readonly AddedToken[], spelling: (token: AddedToken) => string) {
    const seen = new Set<string>();
    for (const token of tokens) {
      const text = spelling(token);
      if (text === "" || seen.has(text)) continue;
      seen.add(text);
      this.#firsts[text.charCodeAt(0) >> 3] |= 1 << (text.charCodeAt(0) & 7);
      this.#trie.set(text, this.#tokens.push(token) - 1);
    }
  }

  /** All of a text, in order. */
  split(text: string, budget: StepBudget): Section[] {
    if (this.#tokens.length === 0) return [text];
    const sections: Section[] = [];
    let done = 0;
    for (let i = 0; i < text.length;) {
      const code = text.charCodeAt(i);
      const isFirst = (this.#firsts[code >> 3] >> (code & 7)) & 1;
      const end = isFirst ? this.#longestAt(text, i, budget) : -1;
      if (end === -1) {
        i++;
        continue;
      }
      const token = this.#tokens[this.#found];
      if (!token.singleWord || isSingleWord(text, i, end)) {
        const start = token.lstrip ? Math.max(done, startOfWhitespace(text, i)) : i;
        if (start > done) sections.push(text.slice(done, start));
        // In white space that belongs to the token before it too. Only one that has none of it left is passed over: so the reference.
        done = token.rstrip ? endOfWhitespace(text, end) : end;
        if (start < done) sections.push(token);
      }
      i = end;
    }
    if (done < text.length || text === "") sections.push(text.slice(done));
    return sections;
  }

  #found = -1;

  #longestAt(text: string, start: number, budget: StepBudget): number {
    let node = 0;
    let end = -1;
    let i = start;
    while (i < text.length) {
      node = this.#trie.child(node, text.charCodeAt(i++));
      if (node === -1) break;
      const value = this.#trie.value(node);
      if (value !== -1) [this.#found, end] = [value, i];
    }
    budget.spend(i - start);
    return end;
  }
}

function isSingleWord(text: string, start: number, end: number): boolean {
  if (start > 0 && isWordCharacter(codePointBefore(text, start))) return false;
  return end === text.length || !isWordCharacter(text.codePointAt(end) ?? 0);
}

function startOfWhitespace(text: string, end: number): number {
  let start = end;
  while (start > 0 && isWhitespace(text.charCodeAt(start - 1))) start--;
  return start;
}

function endOfWhitespace(text: string, start: number): number {
  let end = start;
  while (end < text.length && isWhitespace(text.charCodeAt(end))) end++;
  return end;
}
