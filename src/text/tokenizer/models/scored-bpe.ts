import type { Vocabulary } from "../vocabulary.ts";
import { byteTokenIds } from "./byte-tokens.ts";
import { MinHeap } from "./min-heap.ts";
import type { PieceEncoder } from "./piece-encoder.ts";

/**
 * Byte pair encoding as SentencePiece has it: of all neighbours that together are a token, those with the best score are joined first, the
 * leftmost of equals. There is no list of merges. What stays unknown is written as bytes.
 * Source: google/sentencepiece src/bpe_model.cc; llama.cpp src/llama-vocab.cpp, `llm_tokenizer_spm`.
 */
export interface ScoredBpeModel {
  readonly type: "ScoredBPE";
  readonly vocabulary: Vocabulary;
  /** By id. */
  readonly scores: Float32Array;
  /** For a byte that has no token `<0x00>`; without one it is left out. */
  readonly unknownId: number | undefined;
}

/** Positions of a piece are below this; a rank times it and a position are one exact f64. */
const positionLimit = 2 ** 31;
const utf8 = new TextEncoder();

export class ScoredBpeEncoder implements PieceEncoder {
  readonly #vocabulary: Vocabulary;
  readonly #unknownId: number | undefined;
  readonly #byteIds: readonly (number | undefined)[];
  /** By id: 0 for the best score; equal scores have equal ranks. */
  readonly #ranks: Int32Array;
  readonly #heap = new MinHeap();

  constructor({ vocabulary, scores, unknownId }: ScoredBpeModel) {
    this.#vocabulary = vocabulary;
    this.#unknownId = unknownId;
    this.#byteIds = byteTokenIds(vocabulary);
    this.#ranks = ranksOf(scores);
  }

  encode(piece: string, ids: number[]): void {
    const bytes = utf8.encode(piece);
    // A symbol is the bytes from its place to that of the next symbol; a place whose symbol was joined to the one before is skipped.
    const next = new Int32Array(bytes.length + 1);
    const previous = new Int32Array(bytes.length + 1).fill(-1);
    let last = -1;
    for (let i = 0; i < bytes.length; i++) {
      if ((bytes[i] & 0xc0) === 0x80) continue; // inside of a character
      if (last >= 0) next[last] = i;
      previous[i] = last;
      last = i;
    }
    next[last] = bytes.length;
    const propose = (left: number): void => {
      const right = next[left];
      if (right === bytes.length) return;
      const id = this.#vocabulary.idOfBytes(bytes, left, next[right]);
      if (id !== undefined) this.#heap.push(this.#ranks[id] * positionLimit + left);
    };
    for (let i = 0; i < bytes.length; i = next[i]) propose(i);
    for (let key = this.#heap.pop(); key >= 0; key = this.#heap.pop()) {
      const left = key % positionLimit;
      const right = next[left];
      // 0: this symbol was joined to the one before; stale proposals are of another rank than what stands there now.
      if (right === 0 || right === bytes.length) continue;
      const id = this.#vocabulary.idOfBytes(bytes, left, next[right]);
      if (id === undefined || this.#ranks[id] !== Math.floor(key / positionLimit)) continue;
      next[left] = next[right];
      next[right] = 0;
      if (next[left] < bytes.length) previous[next[left]] = left;
      propose(left);
      if (previous[left] >= 0) propose(previous[left]);
    }
    for (let i = 0; i < bytes.length; i = next[i]) this.#push(bytes, i, next[i], ids);
  }

  #push(bytes: Uint8Array, start: number, end: number, ids: number[]): void {
    const id = this.#vocabulary.idOfBytes(bytes, start, end);
    if (id !== undefined) ids.push(id);
    else {
      for (let i = start; i < end; i++) {
        const byteId = this.#byteIds[bytes[i]] ?? this.#unknownId;
        if (byteId !== undefined) ids.push(byteId);
      }
    }
  }
}

function ranksOf(scores: Float32Array): Int32Array {
  const distinct = Float32Array.from(new Set(scores)).sort().reverse();
  const rankOf = new Map(Array.from(distinct, (score, rank) => [score, rank]));
  return Int32Array.from(scores, (score) => rankOf.get(score) ?? 0);
}
