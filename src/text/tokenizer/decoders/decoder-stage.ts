/**
 * A decoder takes tokens, in parts where need be, and gives tokens to the next one as soon as they are certain; so a text that is decoded
 * token by token is the one decoded at once. Stages are used for one text.
 */
export interface DecoderStage {
  /** Set before use. */
  next: TokenSink;
  write(part: string): void;
  end(): void;
  finish(): void;
}

export interface TokenSink {
  /** More of the current token. */
  write(part: string): void;
  /** The current token ends. */
  end(): void;
  /** There are no more tokens. */
  finish(): void;
}

/** For decoders that need a token as a whole. */
export abstract class WholeTokenStage implements DecoderStage {
  declare next: TokenSink;
  #token = "";

  /** Gives what becomes of a token to `next`. */
  protected abstract take(token: string): void;

  write(part: string): void {
    this.#token += part;
  }

  end(): void {
    const token = this.#token;
    this.#token = "";
    this.take(token);
  }

  finish(): void {
    this.next.finish();
  }

  protected give(token: string): void {
    this.next.write(token);
    this.next.end();
  }
}
