import type { TokenBytes } from "../grammar/token-bytes.ts";

/** Text to token ids and back. Pure: the same input gives the same output, whatever was asked before. */
export interface Tokenizer {
  /** One more than the highest id. A model's vocabulary may be larger: padded rows have no text. */
  readonly vocabSize: number;
  /** Characters of the longest token as the vocabulary spells it: hardly any text has more of them than this times its tokens. */
  readonly longestToken: number;
  /**
   * Special tokens that are spelled out in `text` become their ids, as the reference implementation does it. Throws FormatError for text
   * that the vocabulary cannot write, and when the tokenizer's regular expressions do not come to an end.
   */
  encode(text: string, options?: EncodeOptions): number[];
  /** Ids without text are left out. Bytes that are no UTF-8 become U+FFFD. */
  decode(ids: readonly number[], options?: DecodeOptions): string;
  /** For ids that come one at a time. */
  decodeStream(options?: DecodeOptions): DecodeStream;
  /** Whether the token steers the model instead of being text: begin, end, role marks. */
  isSpecial(id: number): boolean;
  /** The id of the token spelled exactly so in the vocabulary. */
  tokenId(token: string): number | undefined;
  /** What every token stands for in the middle of a text, special ones by their names; computed anew each time. */
  tokenBytes(): TokenBytes;
  /** The token as the vocabulary spells it, which is not its text: a leading space may be U+2581 or U+0120. */
  token(id: number): string | undefined;
}

export interface EncodeOptions {
  /** Whether the tokenizer adds what it puts around a text (a begin token, say). Default true. Off for rendered chat templates. */
  readonly addSpecial?: boolean;
}

export interface DecodeOptions {
  /** Whether special tokens are left out. Default false. */
  readonly skipSpecial?: boolean;
  /** A stream's ids go on with a text: a blank at their begin, which decoders of whole texts drop, is kept. Default false. */
  readonly continues?: boolean;
}

/** The pieces put together are what `decode` makes of all ids at once; each is made of whole characters. */
export interface DecodeStream {
  /** Takes one token; returns the text that is certain now, often that of this token, sometimes none. */
  push(id: number): string;
  /** The text still held back; there are no more tokens. */
  finish(): string;
}
