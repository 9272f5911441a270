import { WholeTokenStage } from "./decoder-stage.ts";

/** What a tokenizer without a decoder does: a space between tokens. */
export class SpacedStage extends WholeTokenStage {
  #isFirst = true;

  protected take(token: string): void {
    this.give(this.#isFirst ? token : ` ${token}`);
    this.#isFirst = false;
  }
}
