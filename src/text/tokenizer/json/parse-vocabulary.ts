import { FormatError } from "../../../util/errors.ts";
import { highestId, idOutOfRange, maxVocabSize, Vocabulary } from "../vocabulary.ts";
import { IntList } from "./int-list.ts";
import { beginArray, beginObject, endArray, endObject, type JsonScanner } from "./json-scanner.ts";

/** `{ token: id }`, in any order. */
export function parseVocabulary(scanner: JsonScanner): Vocabulary {
  const tokens = new TokenList();
  const ids = new IntList();
  scanner.enter(beginObject);
  while (scanner.more(endObject)) {
    scanner.readTokenKey();
    tokens.add(scanner);
    const id = scanner.readNumber();
    if (!Number.isInteger(id) || id < 0 || id >= maxVocabSize) throw new FormatError(idOutOfRange(id, maxVocabSize));
    ids.push(id);
  }
  return place(tokens, ids);
}

/** Puts tokens where their ids are. */
function place(tokens: TokenList, ids: IntList): Vocabulary {
  const most = highestId(ids.length);
  let size = 0;
  for (let index = 0; index < ids.length; index++) size = Math.max(size, ids.at(index) + 1);
  if (size > most + 1) throw new FormatError(idOutOfRange(size - 1, ids.length));
  const starts = new Int32Array(size).fill(-1);
  const ends = new Int32Array(size);
  let start = 0;
  for (let index = 0; index < ids.length; index++) {
    const id = ids.at(index);
    if (starts[id] !== -1) throw new FormatError(`vocabulary: two tokens have the id ${id}`);
    starts[id] = start;
    ends[id] = start = tokens.ends.at(index);
  }
  return new Vocabulary(tokens.bytes.slice(0, tokens.byteLength), starts, ends);
}

export interface ScoredVocabulary {
  readonly vocabulary: Vocabulary;
  /** By id. */
  readonly scores: Float64Array;
}

/** `[[token, score], …]`; a token's id is its place. */
export function parseScoredVocabulary(scanner: JsonScanner): ScoredVocabulary {
  const tokens = new TokenList();
  const scores: number[] = [];
  scanner.enter(beginArray);
  while (scanner.more(endArray)) {
    scanner.enter(beginArray);
    if (!scanner.more(endArray)) throw new FormatError(`vocabulary: element ${scores.length} is empty`);
    scanner.readString();
    tokens.add(scanner);
    if (!scanner.more(endArray)) throw new FormatError(`vocabulary: element ${scores.length} has no score`);
    const score = scanner.readNumber();
    if (!Number.isFinite(score)) throw new FormatError(`vocabulary: the score of element ${scores.length} is ${score}`);
    scores.push(score);
    if (scanner.more(endArray)) throw new FormatError(`vocabulary: element ${scores.length - 1} is no pair`);
  }
  const ends = tokens.ends.toArray();
  const starts = ends.map((_, id) => (id === 0 ? 0 : ends[id - 1]));
  const vocabulary = new Vocabulary(tokens.bytes.slice(0, tokens.byteLength), starts, ends);
  return { vocabulary, scores: Float64Array.from(scores) };
}

/** In bytes; real ones have at most a thousand. */
const longestToken = 2 ** 16;

/** Tokens in the order of the file, packed. */
class TokenList {
  bytes = new Uint8Array(2 ** 16);
  byteLength = 0;
  readonly ends = new IntList();

  /** Takes what the scanner has read last. */
  add({ text, textStart, textEnd }: JsonScanner): void {
    if (this.ends.length === maxVocabSize) throw new FormatError(`vocabulary: has more than ${maxVocabSize} tokens`);
    const length = textEnd - textStart;
    if (length > longestToken)
      throw new FormatError(`vocabulary: a token has ${length} bytes; at most ${longestToken} are taken`);
    if (this.byteLength + length > this.bytes.length) {
      const bytes = new Uint8Array(Math.max(2 * this.bytes.length, this.byteLength + length));
      bytes.set(this.bytes.subarray(0, this.byteLength));
      this.bytes = bytes;
    }
    const { bytes, byteLength } = this;
    // Tokens are short: a loop is faster than subarray and set.
    for (let i = 0; i < length; i++) bytes[byteLength + i] = text[textStart + i];
    this.byteLength += length;
    this.ends.push(this.byteLength);
  }
}
