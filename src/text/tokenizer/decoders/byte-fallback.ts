import { WholeTokenStage } from "./decoder-stage.ts";

const byteToken = /^<0x([0-9A-Fa-f]{2})>$/;
/** A run of so many bytes is given out in whole characters when it streams, for it may be all of an answer. */
const longRun = 64;

/**
 * Tokens `<0xE2>` become text, a run of them at once: if it is no UTF-8, all of its bytes become U+FFFD. A stream does not wait for the end of
 * a long run; only if that turns out broken later, its text is not that of the whole.
 */
export class ByteFallbackStage extends WholeTokenStage {
  readonly #isStream: boolean;
  #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  /** Whole characters of the run, and the number of its bytes, as far as they are not given out. */
  #text = "";
  #byteCount = 0;
  #isBroken = false;

  constructor(isStream: boolean) {
    super();
    this.#isStream = isStream;
  }

  protected take(token: string): void {
    const byte = byteToken.exec(token)?.[1];
    if (byte === undefined) {
      this.#endRun();
      this.give(token);
      return;
    }
    this.#byteCount++;
    this.#decode(() => this.#decoder.decode(Uint8Array.of(parseInt(byte, 16)), { stream: true }));
    if (this.#isStream && this.#byteCount >= longRun && this.#text !== "") {
      this.#byteCount -= new TextEncoder().encode(this.#text).length;
      this.#giveText();
    }
  }

  override finish(): void {
    this.#endRun();
    super.finish();
  }

  #decode(decode: () => string): void {
    try {
      if (!this.#isBroken) this.#text += decode();
    } catch {
      this.#isBroken = true;
      this.#text = "";
    }
    if (!this.#isBroken) return;
    for (; this.#byteCount > 0; this.#byteCount--) this.give("\uFFFD");
  }

  #endRun(): void {
    if (this.#byteCount > 0) this.#decode(() => this.#decoder.decode());
    if (this.#text !== "") this.#giveText();
    if (this.#isBroken) this.#decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    this.#byteCount = 0;
    this.#isBroken = false;
  }

  #giveText(): void {
    this.give(this.#text);
    this.#text = "";
  }
}
