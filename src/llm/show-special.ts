import type { Tokenizer } from "../text/tokenizer/tokenizer.ts";

/** The same tokenizer, for which no token is special: decoding spells all of them out. */
export function showSpecial(tokenizer: Tokenizer): Tokenizer {
  return {
    vocabSize: tokenizer.vocabSize,
    longestToken: tokenizer.longestToken,
    encode: (text, options) => tokenizer.encode(text, options),
    decode: (ids) => tokenizer.decode(ids, { skipSpecial: false }),
    isSpecial: () => false,
    tokenId: (token) => tokenizer.tokenId(token),
    token: (id) => tokenizer.token(id),
  };
}
