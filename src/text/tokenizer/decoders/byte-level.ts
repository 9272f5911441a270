import { bytesOf } from "../byte-alphabet.ts";
import { WholeTokenStage } from "./decoder-stage.ts";

/** Tokens of the byte alphabet become one token of text. Bytes that are no UTF-8 become U+FFFD, those of an incomplete character wait. */
export class ByteLevelStage extends WholeTokenStage {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  protected take(token: string): void {
    this.next.write(this.#decoder.decode(bytesOf(token), { stream: true }));
  }

  override finish(): void {
    this.give(this.#decoder.decode());
    super.finish();
  }
}
