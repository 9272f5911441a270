import type { Vocabulary } from "../vocabulary.ts";
import type { PieceEncoder } from "./piece-encoder.ts";
import { unknownId } from "./unknown-token.ts";

/** Every piece is one token. */
export interface WordLevelModel {
  readonly type: "WordLevel";
  readonly vocabulary: Vocabulary;
  readonly unknownToken: string;
}

export class WordLevelEncoder implements PieceEncoder {
  readonly #model: WordLevelModel;

  constructor(model: WordLevelModel) {
    this.#model = model;
  }

  encode(piece: string, ids: number[]): void {
    const { vocabulary, unknownToken } = this.#model;
    ids.push(vocabulary.idOf(piece) ?? unknownId(vocabulary, unknownToken, piece));
  }
}
