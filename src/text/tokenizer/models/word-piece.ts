import type { StepBudget } from "../../../util/step-budget.ts";
import { CharTrie } from "../char-trie.ts";
import { unitCount } from "../characters.ts";
import type { Vocabulary } from "../vocabulary.ts";
import type { PieceEncoder } from "./piece-encoder.ts";
import { unknownId } from "./unknown-token.ts";

/** BERT's: the longest token that a word begins with, then the longest with the prefix, and so on; all or nothing. */
export interface WordPieceModel {
  readonly type: "WordPiece";
  readonly vocabulary: Vocabulary;
  readonly unknownToken: string;
  /** Before every token of a word but the first: "##". */
  readonly continuingPrefix: string;
  /** A longer word is unknown. */
  readonly maxWordCharacters: number;
}

export class WordPieceEncoder implements PieceEncoder {
  readonly #model: WordPieceModel;
  readonly #trie = new CharTrie();
  /** The node that the prefix leads to, -1 where no token has it. */
  readonly #continuing: number;

  constructor(model: WordPieceModel) {
    this.#model = model;
    const { vocabulary, continuingPrefix } = model;
    for (let id = 0; id < vocabulary.size; id++) {
      const token = vocabulary.token(id);
      if (token !== undefined) this.#trie.set(token, id);
    }
    let node = 0;
    for (let i = 0; i < continuingPrefix.length && node !== -1; i++) {
      node = this.#trie.child(node, continuingPrefix.charCodeAt(i));
    }
    this.#continuing = node;
  }

  encode(piece: string, ids: number[], budget: StepBudget): void {
    const { vocabulary, unknownToken, maxWordCharacters } = this.#model;
    const first = ids.length;
    let start = characterCount(piece) > maxWordCharacters ? -1 : 0;
    while (start !== -1 && start < piece.length) start = this.#encodeLongest(piece, start, ids, budget);
    if (start !== -1) return;
    ids.length = first;
    ids.push(unknownId(vocabulary, unknownToken, piece));
  }

  /** Returns where the token ends that it has appended, -1 for none. */
  #encodeLongest(piece: string, start: number, ids: number[], budget: StepBudget): number {
    let node = start === 0 ? 0 : this.#continuing;
    let end = -1;
    let best = -1;
    for (let i = start; i < piece.length && node !== -1; i++) {
      node = this.#trie.child(node, piece.charCodeAt(i));
      const id = node === -1 ? -1 : this.#trie.value(node);
      if (id !== -1) [best, end] = [id, i + 1];
      budget.spend();
    }
    if (end !== -1) ids.push(best);
    return end;
  }
}

function characterCount(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i += unitCount(text.codePointAt(i) ?? 0)) count++;
  return count;
}
