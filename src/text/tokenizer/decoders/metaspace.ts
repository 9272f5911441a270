import { WholeTokenStage } from "./decoder-stage.ts";

/** The replacement becomes a space; those of the first token go, unless nothing was ever prepended. */
export interface MetaspaceDecoder {
  readonly type: "Metaspace";
  readonly replacement: string;
  readonly stripsFirst: boolean;
}

export class MetaspaceStage extends WholeTokenStage {
  readonly #decoder: MetaspaceDecoder;
  #isFirst = true;

  constructor(decoder: MetaspaceDecoder) {
    super();
    this.#decoder = decoder;
  }

  protected take(token: string): void {
    const { replacement, stripsFirst } = this.#decoder;
    this.give(token.replaceAll(replacement, this.#isFirst && stripsFirst ? "" : " "));
    this.#isFirst = false;
  }
}
