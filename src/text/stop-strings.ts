/**
 * Watches a stream of text for stop strings. Text that may be the beginning of one is held back, across any borders between
 * pieces. The string whose last character comes first ends the text, so the outcome does not depend on how the text is cut.
 */
export class StopStrings {
  readonly #stops: readonly string[];
  #held = "";
  #found: string | undefined;

  /** Empty strings are ignored: they would end every text before it begins. */
  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== "");
  }

  /** The stop string that ended the text. */
  get found(): string | undefined {
    return this.#found;
  }

  /** Takes a piece of text; returns what can no longer be part of a stop string. After one was found: nothing. */
  push(piece: string): string {
    if (this.#found !== undefined) return "";
    const text = this.#held + piece;
    const match = this.#firstMatch(text);
    if (match !== undefined) {
      this.#found = match.stop;
      this.#held = "";
      return text.slice(0, match.start);
    }
    const safe = text.length - this.#heldLength(text);
    this.#held = text.slice(safe);
    return text.slice(0, safe);
  }

  /** The text still held back; no more will come. */
  finish(): string {
    const rest = this.#held;
    this.#held = "";
    return rest;
  }

  /** Of all matches the one that ends first; of several that end there, the longest. */
  #firstMatch(text: string): { readonly stop: string; readonly start: number } | undefined {
    let first: { readonly stop: string; readonly start: number } | undefined;
    let firstEnd = Infinity;
    for (const stop of this.#stops) {
      const start = text.indexOf(stop);
      if (start < 0) continue;
      const end = start + stop.length;
      if (end > firstEnd || (end === firstEnd && first !== undefined && first.start <= start)) continue;
      first = { stop, start };
      firstEnd = end;
    }
    return first;
  }

  /** Length of the longest end of the text that begins a stop string. */
  #heldLength(text: string): number {
    let longest = 0;
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
        if (!text.endsWith(stop.slice(0, length))) continue;
        longest = length;
        break;
      }
    }
    return longest;
  }
}
