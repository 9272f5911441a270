/** The bytes that each token of a vocabulary stands for, packed. */
export interface TokenBytes {
  readonly bytes: Uint8Array;
  /** [vocabSize + 1] token `id` is `bytes.subarray(starts[id], starts[id + 1])`; where that is empty, it never stands for text. */
  readonly starts: Int32Array;
}

/** No byte of UTF-8: what is between two of them is not text but the name of a special token. */
export const specialMark = 0xff;

const utf8 = new TextEncoder();

/** How a grammar and a vocabulary spell a special token, so that no text can be taken for one. */
export function specialTokenBytes(name: string): Uint8Array {
  return Uint8Array.from([specialMark, ...utf8.encode(name), specialMark]);
}

export function packTokens(tokens: readonly (Uint8Array | undefined)[]): TokenBytes {
  const starts = new Int32Array(tokens.length + 1);
  for (const [id, token] of tokens.entries()) starts[id + 1] = starts[id] + (token?.length ?? 0);
  const bytes = new Uint8Array(starts[tokens.length]);
  for (const [id, token] of tokens.entries()) if (token !== undefined) bytes.set(token, starts[id]);
  return { bytes, starts };
}
