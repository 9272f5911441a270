/** What a call is made of, as it comes. */
export type CallPart =
  | { readonly type: "tool-call"; readonly name: string }
  /** More of the arguments, which put together are JSON as far as the model has written it. */
  | { readonly type: "tool-arguments"; readonly text: string };

/** Reads a call, or a list of them, from text that comes in pieces. */
export abstract class PartReader {
  #raw = "";
  #parts: CallPart[] = [];
  #isAnnounced = false;
  #state: "reading" | "ended" | "refused" = "reading";

  /** "refused": it is no call, and nothing has been said. */
  get state(): "reading" | "ended" | "refused" {
    return this.#state;
  }

  /** All that was taken. */
  get raw(): string {
    return this.#raw;
  }

  /** Whether a part has been given. */
  get isAnnounced(): boolean {
    return this.#isAnnounced;
  }

  /** Takes characters up to the end of the call or the list; says how many. */
  push(text: string): { readonly taken: number; readonly parts: readonly CallPart[] } {
    this.#parts = [];
    let taken = 0;
    while (taken < text.length && this.#state === "reading") {
      const end = this.pieceEnd(text, taken);
      const piece = text.slice(taken, end);
      this.#raw += piece;
      taken = end;
      this.take(piece);
    }
    return { taken, parts: this.#parts };
  }

  /** Reads a piece, which is the end of `raw` now. */
  protected abstract take(piece: string): void;

  /** Where the piece ends that begins at `at`; a character, unless told otherwise. */
  protected pieceEnd(_text: string, at: number): number {
    return at + 1;
  }

  protected announce(name: string): void {
    this.#parts.push({ type: "tool-call", name });
    this.#isAnnounced = true;
  }

  /** Says more of the arguments of the call that was announced last. */
  protected say(text: string): void {
    const last = this.#parts.at(-1);
    if (last?.type === "tool-arguments") this.#parts[this.#parts.length - 1] = { ...last, text: last.text + text };
    else this.#parts.push({ type: "tool-arguments", text });
  }

  protected end(): void {
    this.#state = "ended";
  }

  /** It is no call; what stands behind one that has been told is left out. */
  protected refuse(): void {
    this.#state = this.#isAnnounced ? "ended" : "refused";
  }
}
