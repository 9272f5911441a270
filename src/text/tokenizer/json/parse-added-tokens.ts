import { FormatError } from "../../../util/errors.ts";
import { quote } from "../../../util/quote.ts";
import type { AddedToken } from "../added-token.ts";
import { maxVocabSize, type Vocabulary } from "../vocabulary.ts";
import { Fields } from "./fields.ts";
import { beginArray, endArray, type JsonScanner } from "./json-scanner.ts";

/** Speech models have 66,000. */
const maxAddedTokens = 2 ** 17;
/** In characters; real ones have some 50. Text is searched for them at every place. */
const longestContent = 1024;
const maxTotalLength = 2 ** 20;
/** Of one token's object: a content of escapes (`\u0120`) takes six bytes a character. */
const maxTokenBytes = 2 ** 14;

/**
 * The list of added tokens, with ids as the file states them. The reference takes the id of the vocabulary, or else the next free one, which
 * is what it has written. Throws FormatError for a token or an id that stands for another one already.
 */
export function parseAddedTokens(scanner: JsonScanner, vocabulary: Vocabulary): readonly AddedToken[] {
  requireFewAndSmall(scanner);
  const tokens: AddedToken[] = [];
  const byId = new Map<number, string>();
  let totalLength = 0;
  scanner.enter(beginArray);
  while (scanner.more(endArray)) {
    const token = parseAddedToken(new Fields(scanner.readValue(), `added_tokens[${tokens.length}]`));
    const { id, content } = token;
    if (content === "") continue; // never found, so the reference leaves it out
    const known = byId.get(id) ?? vocabulary.token(id) ?? content;
    const knownId = vocabulary.idOf(content) ?? id;
    if (known !== content || knownId !== id) {
      throw new FormatError(
        `added_tokens: ${quote(content)} has the id ${id}, ` +
          (known === content ? `${knownId} in the vocabulary` : `which is that of ${quote(known)}`),
      );
    }
    totalLength += content.length;
    if (totalLength > maxTotalLength) throw new FormatError(`added_tokens have more than ${maxTotalLength} characters`);
    byId.set(id, content);
    tokens.push(token);
  }
  return tokens;
}

/** Before anything is built. */
function requireFewAndSmall(scanner: JsonScanner): void {
  const start = scanner.position;
  let count = 0;
  scanner.enter(beginArray);
  while (scanner.more(endArray)) {
    if (++count > maxAddedTokens) throw new FormatError(`added_tokens are more than ${maxAddedTokens}`);
    scanner.peek();
    const tokenStart = scanner.position;
    scanner.skipValue();
    const byteLength = scanner.position - tokenStart;
    if (byteLength > maxTokenBytes)
      throw new FormatError(`added_tokens[${count - 1}] has ${byteLength} bytes; at most ${maxTokenBytes} are taken`);
  }
  scanner.position = start;
}

function parseAddedToken(fields: Fields): AddedToken {
  const content = fields.text("content");
  if (content.length > longestContent) {
    throw new FormatError(
      `${fields.where}.content has ${content.length} characters; at most ${longestContent} are taken`,
    );
  }
  const special = fields.flag("special", false);
  return {
    id: fields.integer("id", maxVocabSize - 1),
    content,
    special,
    normalized: fields.flag("normalized", !special),
    lstrip: fields.flag("lstrip", false),
    rstrip: fields.flag("rstrip", false),
    singleWord: fields.flag("single_word", false),
  };
}
