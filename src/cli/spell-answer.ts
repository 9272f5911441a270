import type { GenerationEvent } from "../llm/generation.ts";
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
  const decoder = tokenizer.decodeStream({ skipSpecial: false });
  return (event) =>
    event.type === "token" ? decoder.push(event.id) : event.type === "finished" ? decoder.finish() : "";
}
