import { FormatError } from "../../../util/errors.ts";
import type { StepBudget } from "../../../util/step-budget.ts";
import { CharTrie } from "../char-trie.ts";
import { unitCount } from "../characters.ts";
import type { Vocabulary } from "../vocabulary.ts";
import { byteTokenIds } from "./byte-tokens.ts";
import type { PieceEncoder } from "./piece-encoder.ts";

/** SentencePiece's: of all ways to write a piece the one whose scores have the highest sum. */
export interface UnigramModel {
  readonly type: "Unigram";
  readonly vocabulary: Vocabulary;
  /** By id, finite: logarithms of probabilities. */
  readonly scores: Float64Array;
  /** Absent: text that the vocabulary cannot write is an error. */
  readonly unknownId: number | undefined;
  /** Whether unknown text is written as bytes, where the vocabulary has tokens `<0x00>` for all of them. */
  readonly byteFallback: boolean;
}

/** An unknown character costs this much more than the worst token. (sentencepiece, src/unigram_model.cc, kUnkPenalty) */
const unknownPenalty = 10;

export class UnigramEncoder implements PieceEncoder {
  readonly #model: UnigramModel;
  readonly #trie = new CharTrie();
  readonly #unknownScore: number;
  readonly #byteIds: readonly (number | undefined)[];

  constructor(model: UnigramModel) {
    this.#model = model;
    const { vocabulary, scores, byteFallback } = model;
    let lowest = Infinity;
    for (let id = 0; id < vocabulary.size; id++) {
      this.#trie.set(vocabulary.token(id) ?? "", id);
      lowest = Math.min(lowest, scores[id]);
    }
    this.#unknownScore = lowest - unknownPenalty;
    this.#byteIds = byteFallback ? byteTokenIds(vocabulary) : [];
  }

  encode(piece: string, ids: number[], budget: StepBudget): void {
    const { bestIds, begins } = this.#search(piece, budget);
    const { unknownId } = this.#model;
    const reversed: number[] = [];
    for (let end = piece.length; end > 0; ) {
      let begin = begins[end];
      if (bestIds[end] !== unknownId) reversed.push(bestIds[end]);
      else {
        // Unknown characters side by side are one token.
        while (begin > 0 && bestIds[begin] === unknownId) begin = begins[begin];
        this.#pushUnknown(piece.slice(begin, end), reversed);
      }
      end = begin;
    }
    for (let i = reversed.length - 1; i >= 0; i--) ids.push(reversed[i]);
  }

  /** For every place where a token may end: the last token of the best way there, and where it begins. Of equals the one that began first wins. */
  #search(piece: string, budget: StepBudget): { readonly bestIds: Int32Array; readonly begins: Int32Array } {
    const { scores, unknownId } = this.#model;
    const bestScores = new Float64Array(piece.length + 1);
    const bestIds = new Int32Array(piece.length + 1);
    const begins = new Int32Array(piece.length + 1).fill(-1);
    const offer = (begin: number, end: number, id: number, score: number): void => {
      if (begins[end] !== -1 && score <= bestScores[end]) return;
      bestScores[end] = score;
      bestIds[end] = id;
      begins[end] = begin;
    };
    for (let begin = 0; begin < piece.length; ) {
      const next = begin + unitCount(piece.codePointAt(begin) ?? 0);
      let hasCharacter = false;
      let node = 0;
      let end = begin;
      while (end < piece.length) {
        node = this.#trie.child(node, piece.charCodeAt(end++));
        if (node === -1) break;
        const id = this.#trie.value(node);
        if (id === -1) continue;
        offer(begin, end, id, bestScores[begin] + scores[id]);
        hasCharacter ||= end === next;
      }
      budget.spend(end - begin);
      if (!hasCharacter) {
        if (unknownId === undefined) {
          throw new FormatError(
            `the vocabulary lacks U+${piece.codePointAt(begin)?.toString(16)}, and names no unknown token`,
          );
        }
        offer(begin, next, unknownId, bestScores[begin] + this.#unknownScore);
      }
      begin = next;
    }
    return { bestIds, begins };
  }

  /** In reverse. */
  #pushUnknown(text: string, reversed: number[]): void {
    const { vocabulary, unknownId = 0 } = this.#model;
    const bytes = this.#byteIds.length === 0 ? [] : [...new TextEncoder().encode(text)].reverse();
    const byteIds = bytes.map((byte) => this.#byteIds[byte]).filter((id) => id !== undefined);
    const whole = vocabulary.idOf(text);
    if (whole !== undefined) reversed.push(whole);
    else if (bytes.length > 0 && byteIds.length === bytes.length) for (const id of byteIds) reversed.push(id);
    else reversed.push(unknownId);
  }
}
