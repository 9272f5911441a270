import type { Tokenizer } from "./tokenizer/tokenizer.ts";

const replacement = "\uFFFD";
const byteToken = /^<0x[0-9A-Fa-f]{2}>$/;

/** Window length from which tokens are forgotten when nothing is held back. */
const comfortableWindow = 16;
/** A run of byte tokens is held back this long, then handed out at the next whole character. */
const longRun = 64;
/** Window length at which everything held back is handed out as it stands. */
const longestWindow = 128;

/**
 * Decodes tokens one at a time: the pieces put together are the text of all tokens decoded at once.
 *
 * A token's text depends on its neighbours (a character's bytes may lie in several tokens, the first token loses its leading
 * space), so a window of the last tokens is decoded anew for each and the new end of it handed out. Held back are
 * - a U+FFFD at the end: it is a character whose bytes are not all there, or will be handed out with what follows;
 * - a run of byte tokens (`<0xE2>`): the reference decodes a run as a whole, and one bad byte makes all of it U+FFFD.
 */
export class StreamDecoder {
  readonly #tokenizer: Tokenizer;
  #window: number[] = [];
  /** Length of the part of the window's text that has been handed out. */
  #handedOut = 0;
  #byteRun = 0;

  /** Special tokens have no text here. */
  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** Takes one token; returns the text that is certain now, often that of this token, sometimes none. */
  push(id: number): string {
    if (this.#tokenizer.isSpecial(id)) return ""; // leaves no trace in the text, nor in a run of byte tokens
    this.#window.push(id);
    this.#byteRun = byteToken.test(this.#tokenizer.token(id) ?? "") ? this.#byteRun + 1 : 0;
    if (this.#byteRun > 0 && this.#byteRun < longRun) return "";

    const text = this.#decode(this.#window);
    const isFull = this.#window.length >= longestWindow;
    const isOpen = text.endsWith(replacement) && !isFull;
    if (isOpen && this.#byteRun > 0) return "";
    const piece = text.slice(this.#handedOut, isOpen ? -1 : undefined);
    this.#handedOut += piece.length;
    if (!isOpen && (this.#byteRun > 0 || this.#window.length > comfortableWindow)) this.#forget(text, isFull);
    return piece;
  }

  /** The text still held back. The decoder then starts anew. */
  finish(): string {
    const rest = this.#decode(this.#window).slice(this.#handedOut);
    this.#window = [];
    this.#handedOut = 0;
    this.#byteRun = 0;
    return rest;
  }

  /**
   * Keeps the fewest last tokens that decode by themselves to an end of the text: whole characters, and some text, so that
   * what follows is not taken for the beginning.
   */
  #forget(text: string, force: boolean): void {
    const most = this.#window.length >> 1;
    for (let count = 1; count <= most; count++) {
      const kept = this.#window.slice(-count);
      const end = this.#decode(kept);
      const isUsable = end !== "" && !end.includes(replacement) && text.endsWith(end);
      if (!isUsable && !(force && count === most)) continue;
      this.#window = kept;
      this.#handedOut = end.length;
      this.#byteRun = 0;
      return;
    }
  }

  #decode(ids: readonly number[]): string {
    return this.#tokenizer.decode(ids, { skipSpecial: true });
  }
}
