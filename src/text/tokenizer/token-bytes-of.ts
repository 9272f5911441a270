import { packTokens, specialTokenBytes, type TokenBytes } from "../grammar/token-bytes.ts";
import { bytesOf } from "./byte-alphabet.ts";
import type { Decoder } from "./decoders/decoder.ts";
import type { Tokenizer } from "./tokenizer.ts";

type Parts = Pick<Tokenizer, "vocabSize" | "token" | "isSpecial" | "decode" | "encode">;

const utf8 = new TextEncoder();

/** What each token adds to a text that has begun. */
export function tokenBytesOf(tokenizer: Parts, decoder: Decoder | undefined): TokenBytes {
  const kinds = decoder === undefined ? [] : decoder.type === "Sequence" ? decoder.decoders : [decoder];
  const isByteLevel = kinds.some(({ type }) => type === "ByteLevel");
  const hasByteTokens = kinds.some(({ type }) => type === "ByteFallback");
  const before = tokenizer.encode("a", { addSpecial: false });
  const beforeText = tokenizer.decode(before);
  const bytesOfToken = (id: number): Uint8Array | undefined => {
    const token = tokenizer.token(id);
    if (token === undefined) return undefined;
    if (tokenizer.isSpecial(id)) return specialTokenBytes(token);
    if (isByteLevel) return bytesOf(token);
    const byte = hasByteTokens ? /^<0x([0-9A-F]{2})>$/.exec(token) : null;
    if (byte !== null) return Uint8Array.of(parseInt(byte[1], 16));
    // Decoders drop a blank at the begin of a text, or put one between words: so it is decoded behind another token.
    const text = tokenizer.decode([...before, id]);
    return text.startsWith(beforeText) ? utf8.encode(text.slice(beforeText.length)) : undefined;
  };
  return packTokens(Array.from({ length: tokenizer.vocabSize }, (_, id) => bytesOfToken(id)));
}
