import { WholeTokenStage } from "./decoder-stage.ts";
import { cleanUp } from "./word-piece.ts";

/** Of a speech model: a token that is repeated counts once. */
export interface CtcDecoder {
  readonly type: "CTC";
  readonly padToken: string;
  readonly wordDelimiter: string;
  readonly cleansUp: boolean;
}

export class CtcStage extends WholeTokenStage {
  readonly #decoder: CtcDecoder;
  #previous: string | undefined;

  constructor(decoder: CtcDecoder) {
    super();
    this.#decoder = decoder;
  }

  protected take(token: string): void {
    if (token === this.#previous) return;
    this.#previous = token;
    const { padToken, wordDelimiter, cleansUp } = this.#decoder;
    const unpadded = token.replaceAll(padToken, "");
    const text = cleansUp ? cleanUp(unpadded).replaceAll(wordDelimiter, " ") : unpadded;
    if (text !== "") this.give(text);
  }
}
