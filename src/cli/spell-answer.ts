import type { GenerationEvent } from "../llm/generation.ts";
import { StreamDecoder } from "../text/stream-decoder.ts";
import type { Tokenizer } from "../text/tokenizer/tokenizer.ts";

/**
 * What is printed of an answer, event by event: its text, with special tokens among it where they are wanted. A model without
 * a tokenizer has ids only, which are printed as `--ids` takes them.
 */
export function spellAnswer(
  tokenizer: Tokenizer | undefined,
  showSpecial: boolean,
): (event: GenerationEvent) => string {
  if (tokenizer === undefined) {
    let separator = "";
    return (event) => {
      if (event.type !== "token") return "";
      const spelled = `${separator}${event.id}`;
      separator = ",";
      return spelled;
    };
  }
  if (!showSpecial) return (event) => (event.type === "text" ? event.text : "");
  const decoder = new StreamDecoder(withSpecialText(tokenizer));
  return (event) =>
    event.type === "token" ? decoder.push(event.id) : event.type === "finished" ? decoder.finish() : "";
}

/** The tokenizer with special tokens that are text like all others. */
function withSpecialText(tokenizer: Tokenizer): Tokenizer {
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
