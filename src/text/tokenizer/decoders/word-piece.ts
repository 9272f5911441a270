import { WholeTokenStage } from "./decoder-stage.ts";

export interface WordPieceDecoder {
  readonly type: "WordPiece";
  /** A token without it has a space before it. */
  readonly prefix: string;
  /** Whether spaces before punctuation and in English contractions go. */
  readonly cleansUp: boolean;
}

export class WordPieceStage extends WholeTokenStage {
  readonly #decoder: WordPieceDecoder;
  #isFirst = true;

  constructor(decoder: WordPieceDecoder) {
    super();
    this.#decoder = decoder;
  }

  protected take(token: string): void {
    const { prefix, cleansUp } = this.#decoder;
    const continued = token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
    const text = this.#isFirst ? token : continued;
    this.give(cleansUp ? cleanUp(text) : text);
    this.#isFirst = false;
  }
}

/** In this order, one token at a time: so the reference, whose own comment calls them artifacts of English. */
const artifacts: readonly (readonly [string, string])[] = [
  [" .", "."],
  [" ?", "?"],
  [" !", "!"],
  [" ,", ","],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" do not", " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

export function cleanUp(token: string): string {
  return artifacts.reduce((text, [artifact, clean]) => text.replaceAll(artifact, clean), token);
}
