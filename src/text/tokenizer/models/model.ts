import { BpeEncoder, type BpeModel } from "./bpe.ts";
import type { PieceEncoder } from "./piece-encoder.ts";
import { ScoredBpeEncoder, type ScoredBpeModel } from "./scored-bpe.ts";
import { UnigramEncoder, type UnigramModel } from "./unigram.ts";
import { WordLevelEncoder, type WordLevelModel } from "./word-level.ts";
import { WordPieceEncoder, type WordPieceModel } from "./word-piece.ts";

/** Turns a piece of text into ids. The kinds and their names are those of tokenizer.json, but for one that it does not have. */
export type Model = BpeModel | ScoredBpeModel | UnigramModel | WordPieceModel | WordLevelModel;

/** Throws FormatError for a model that contradicts itself. */
export function createPieceEncoder(model: Model): PieceEncoder {
  switch (model.type) {
    case "BPE":
      return new BpeEncoder(model);
    case "ScoredBPE":
      return new ScoredBpeEncoder(model);
    case "Unigram":
      return new UnigramEncoder(model);
    case "WordPiece":
      return new WordPieceEncoder(model);
    case "WordLevel":
      return new WordLevelEncoder(model);
  }
}
