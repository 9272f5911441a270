import type { DecoderStage, TokenSink } from "./decoder-stage.ts";

/** Takes up to this many of one character from the ends of every token. */
export interface StripDecoder {
  readonly type: "Strip";
  readonly content: string;
  readonly start: number;
  readonly stop: number;
}

export class StripStage implements DecoderStage {
  declare next: TokenSink;
  readonly #decoder: StripDecoder;
  /** How many may still go from the token's start. */
  #startLeft: number;
  /** How many of the character the token ends with so far, at most `stop`: they go if it ends here. */
  #held = 0;

  constructor(decoder: StripDecoder) {
    this.#decoder = decoder;
    this.#startLeft = decoder.start;
  }

  write(part: string): void {
    const { content, stop } = this.#decoder;
    const width = content.length;
    let begin = 0;
    for (; this.#startLeft > 0 && part.startsWith(content, begin); this.#startLeft--) begin += width;
    if (begin < part.length) this.#startLeft = 0;
    const text = content.repeat(this.#held) + part.slice(begin);
    let end = text.length;
    this.#held = 0;
    for (; this.#held < stop && end >= width && text.startsWith(content, end - width); this.#held++) end -= width;
    if (end > 0) this.next.write(text.slice(0, end));
  }

  end(): void {
    this.#held = 0;
    this.#startLeft = this.#decoder.start;
    this.next.end();
  }

  finish(): void {
    this.next.finish();
  }
}
