import { FormatError } from "../../../util/errors.ts";
import { quote } from "../../../util/quote.ts";
import type { Merges } from "../models/merges.ts";
import { maxVocabSize, type Vocabulary } from "../vocabulary.ts";
import { IntList } from "./int-list.ts";
import { beginArray, endArray, type JsonScanner } from "./json-scanner.ts";

const space = 0x20;

/**
 * `["a b", …]`, or `[["a", "b"], …]` since tokenizers 0.20: both are tokens, and so is what they become, "ab" less the prefix that "b" has
 * as a symbol inside of a word. Throws FormatError for a merge that is no such thing.
 */
export function parseMerges(scanner: JsonScanner, vocabulary: Vocabulary, continuingPrefix: string): Merges {
  const reader = new MergeReader(vocabulary, new TextEncoder().encode(continuingPrefix).length);
  scanner.enter(beginArray);
  while (scanner.more(endArray)) {
    if (scanner.peek() === beginArray) reader.readPair(scanner);
    else reader.readText(scanner);
  }
  return reader.merges();
}

class MergeReader {
  readonly #vocabulary: Vocabulary;
  readonly #prefixLength: number;
  readonly #left = new IntList();
  readonly #right = new IntList();
  readonly #result = new IntList();
  /** The left and then the right text of a merge. */
  #joined = new Uint8Array(256);

  constructor(vocabulary: Vocabulary, prefixLength: number) {
    this.#vocabulary = vocabulary;
    this.#prefixLength = prefixLength;
  }

  readText(scanner: JsonScanner): void {
    scanner.readString();
    const { text, textStart, textEnd } = scanner;
    if (isVersion(scanner)) return;
    let middle = textStart;
    while (middle < textEnd && text[middle] !== space) middle++;
    const secondSpace = text.subarray(middle + 1, textEnd).indexOf(space);
    if (middle === textEnd || secondSpace !== -1) this.#fail(text.subarray(textStart, textEnd), "has not one space");
    const leftLength = this.#append(text, textStart, middle, 0);
    this.#add(leftLength, this.#append(text, middle + 1, textEnd, leftLength));
  }

  readPair(scanner: JsonScanner): void {
    scanner.enter(beginArray);
    let count = 0;
    let leftLength = 0;
    let length = 0;
    while (scanner.more(endArray)) {
      scanner.readString();
      leftLength = length;
      length = this.#append(scanner.text, scanner.textStart, scanner.textEnd, length);
      count++;
    }
    if (count !== 2) this.#fail(this.#joined.subarray(0, length), `has ${count} parts`);
    this.#add(leftLength, length);
  }

  merges(): Merges {
    return { left: this.#left.toArray(), right: this.#right.toArray(), result: this.#result.toArray() };
  }

  #add(leftLength: number, length: number): void {
    if (this.#left.length === maxVocabSize) throw new FormatError(`merges: are more than ${maxVocabSize}`);
    const left = this.#idOf(0, leftLength);
    const right = this.#idOf(leftLength, length);
    this.#joined.copyWithin(leftLength, leftLength + this.#prefixLength, length);
    const result = this.#idOf(0, Math.max(leftLength, length - this.#prefixLength));
    if (result === left || result === right) {
      this.#fail(this.#joined.subarray(0, length), "becomes one of its own parts");
    }
    this.#left.push(left);
    this.#right.push(right);
    this.#result.push(result);
  }

  #idOf(start: number, end: number): number {
    const id = this.#vocabulary.idOfBytes(this.#joined, start, end);
    return id ?? this.#fail(this.#joined.subarray(start, end), "is not in the vocabulary");
  }

  /** Returns the new length of what is joined. */
  #append(text: Uint8Array, start: number, end: number, at: number): number {
    const length = at + end - start;
    if (length > this.#joined.length) {
      const joined = new Uint8Array(2 * length);
      joined.set(this.#joined);
      this.#joined = joined;
    }
    for (let i = start; i < end; i++) this.#joined[at + i - start] = text[i];
    return length;
  }

  #fail(text: Uint8Array, reason: string): never {
    throw new FormatError(`merges[${this.#left.length}]: ${quote(new TextDecoder().decode(text))} ${reason}`);
  }
}

/** The first line of merges.txt, which some converters have taken for a merge. */
function isVersion({ text, textStart, textEnd }: JsonScanner): boolean {
  const version = "#version";
  if (textEnd - textStart < version.length) return false;
  for (let i = 0; i < version.length; i++) if (text[textStart + i] !== version.charCodeAt(i)) return false;
  return true;
}
