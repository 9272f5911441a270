/** Times one answer. A piece of text is about a token; the server's own count replaces ours when it comes. */
export class AnswerClock {
  readonly #started = performance.now();
  #first: number | undefined;
  #last = 0;
  #pieces = 0;
  #tokens: number | undefined;

  piece(): void {
    this.#last = performance.now();
    this.#first ??= this.#last;
    this.#pieces++;
  }

  counted(tokens: number): void {
    this.#tokens = tokens;
  }

  get tokens(): number {
    return this.#tokens ?? this.#pieces;
  }

  /** From sending the request to the first words; undefined before them. */
  get firstWordMs(): number | undefined {
    return this.#first === undefined ? undefined : this.#first - this.#started;
  }

  /** Of the tokens after the first; undefined as long as there is none. */
  get tokensPerSecond(): number | undefined {
    if (this.#first === undefined || this.tokens < 2 || this.#last === this.#first) return undefined;
    return (this.tokens - 1) / ((this.#last - this.#first) / 1000);
  }
}
