import { WholeTokenStage } from "./decoder-stage.ts";

export interface BpeDecoder {
  readonly type: "BPEDecoder";
  /** Becomes a space, but at the end. */
  readonly suffix: string;
}

/** What becomes of a suffix is known when the next token comes, so one token is held back. */
export class BpeSuffixStage extends WholeTokenStage {
  readonly #suffix: string;
  #held: string | undefined;

  constructor({ suffix }: BpeDecoder) {
    super();
    this.#suffix = suffix;
  }

  protected take(token: string): void {
    if (this.#held !== undefined) this.give(this.#held.replaceAll(this.#suffix, " "));
    this.#held = token;
  }

  override finish(): void {
    if (this.#held !== undefined) this.give(this.#held.replaceAll(this.#suffix, ""));
    super.finish();
  }
}
