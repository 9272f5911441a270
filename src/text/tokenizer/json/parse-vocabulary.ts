import { FormatError } from "../../../util/errors.ts";
import { highestId, idOutOfRange, maxVocabSize, Vocabulary } from "../vocabulary.ts";
import { beginArray, beginObject, endArray, endObject, type JsonScanner } from "./json-scanner.ts";

/** `{ token: id }`, in any order. */
export function parseVocabulary(scanner: JsonScanner): Vocabulary {
  const tokens = new TokenList();
  const ids: number[] = [];
  scanner.enter(beginObject);
  while (scanner.more(endObject)) {
    scanner.readKey();
    tokens.add(scanner);
    ids.push(scanner.readNumber());
  }
  const most = highestId(ids.length);
  let size = 0;
  for (const id of ids) {
    if (!Number.isInteger(id) || id < 0 || id > most) throw new FormatError(idOutOfRange(id, ids.length));
    size = Math.max(size, id + 1);
  }
  const starts = new Int32Array(size).fill(-1);
  const ends = new Int32Array(size);
  for (const [index, id] of ids.entries()) {
    if (starts[id] !== -1) throw new FormatError(`vocabulary: two tokens have the id ${id}`);
    starts[id] = index === 0 ? 0 : tokens.ends[index - 1];
    ends[id] = tokens.ends[index];
  }
  return new Vocabulary(tokens.bytes.slice(0, tokens.byteLength), starts, ends);
}

/** `[[token, score], …]`; a token's id is its place. */
export function parseScoredVocabulary(scanner: JsonScanner): {
  readonly vocabulary: Vocabulary;
  readonly scores: Float64Array;
} {
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
  const ends = Int32Array.from(tokens.ends);
  const starts = ends.map((_, id) => (id === 0 ? 0 : ends[id - 1]));
  const vocabulary = new Vocabulary(tokens.bytes.slice(0, tokens.byteLength), starts, ends);
  return { vocabulary, scores: Float64Array.from(scores) };
}

/** Tokens in the order of the file, packed. */
class TokenList {
  bytes = new Uint8Array(2 ** 16);
  byteLength = 0;
  readonly ends: number[] = [];

  /** Takes what the scanner has read last. */
  add({ text, textStart, textEnd }: JsonScanner): void {
    if (this.ends.length === maxVocabSize) throw new FormatError(`vocabulary: has more than ${maxVocabSize} tokens`);
    const length = textEnd - textStart;
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
