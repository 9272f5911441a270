import type { Merges } from "./merges.ts";
import type { ScoredBpeModel } from "./scored-bpe.ts";

/**
 * The merges that do what a model's scores do: every way to join two tokens to a third, the best score of what they become first. Among
 * equal scores the model joins what stands leftmost, and a list cannot: there longer left parts come last, as transformers' converter has
 * it. Nor can a list join characters that are no tokens themselves.
 * Source: huggingface/transformers convert_slow_tokenizer.py, `generate_merges`.
 */
export function mergesByScore({ vocabulary, scores }: ScoredBpeModel): Merges {
  const found: { readonly left: number; readonly right: number; readonly result: number; readonly length: number }[] = [];
  for (let result = 0; result < vocabulary.size; result++) {
    const token = vocabulary.token(result);
    if (token === undefined || vocabulary.idOf(token) !== result) continue; // of equal tokens text becomes the last
    for (let length = 1; length < token.length; length++) {
      if ((token.charCodeAt(length) & 0xfc00) === 0xdc00) continue; // inside of a character
      const left = vocabulary.idOf(token.slice(0, length));
      const right = left === undefined ? undefined : vocabulary.idOf(token.slice(length));
      if (left !== undefined && right !== undefined) found.push({ left, right, result, length });
    }
  }
  found.sort((a, b) => scores[b.result] - scores[a.result] || a.result - b.result || a.length - b.length);
  return {
    left: Int32Array.from(found, ({ left }) => left),
    right: Int32Array.from(found, ({ right }) => right),
    result: Int32Array.from(found, ({ result }) => result),
  };
}
