import { FormatError } from "../../../util/errors.ts";
import { quote } from "../../../util/quote.ts";
import type { Vocabulary } from "../vocabulary.ts";

/**
 * The id of the unknown token when a text needs it. Only then it is an error that the vocabulary lacks it: many files name one that they
 * never use.
 */
export function unknownId(vocabulary: Vocabulary, token: string, text: string): number {
  const id = vocabulary.idOf(token);
  if (id !== undefined) return id;
  throw new FormatError(
    `the vocabulary has neither ${quote(text)} nor the unknown token ${quote(token)} that stands for what it lacks`,
  );
}
