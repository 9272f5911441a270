import { CollisionLimit } from "./collision-limit.ts";

const utf8 = new TextEncoder();

/** Sixteen times the largest vocabulary in use. */
export const maxVocabSize = 2 ** 22;

/**
 * The tokens of a model by id, packed: one array of UTF-8 bytes and one hash table, some 20 bytes a token where strings and a Map take
 * 150, and a start has nothing to allocate 50,000 times. Ids may have gaps.
 */
export class Vocabulary {
  /** One more than the highest id. */
  readonly size: number;
  /** UTF-16 units of the longest token. */
  readonly longestToken: number;
  readonly #bytes: Uint8Array;
  /** By id; an absent token begins at -1. */
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  /** Id + 1, 0 for a free place; its length is a power of two. */
  readonly #slots: Int32Array;
  readonly #strings: (string | undefined)[] = [];
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #scratch = new Uint8Array(256);

  /**
   * Takes its arrays: token `id` is `bytes.subarray(starts[id], ends[id])`, and a start of -1 means that no token has this id. Where two
   * ids have the same token, its id is the last one, as in the reference. Throws FormatError for tokens chosen to have one hash.
   */
  constructor(bytes: Uint8Array, starts: Int32Array, ends: Int32Array) {
    this.size = starts.length;
    this.#bytes = bytes;
    this.#starts = starts;
    this.#ends = ends;
    let slotCount = 4;
    while (slotCount < 2 * this.size) slotCount *= 2;
    this.#slots = new Int32Array(slotCount);
    let longest = 0;
    const collisions = new CollisionLimit(slotCount + (bytes.length >> 3), "vocabulary");
    for (let id = 0; id < this.size; id++) {
      const start = starts[id];
      if (start < 0) continue;
      const hashed = hash(bytes, start, ends[id]);
      const place = this.#place(bytes, start, ends[id], hashed);
      // Tokens that are met on the way are compared byte by byte.
      collisions.spend(((place - hashed) & (slotCount - 1)) * (1 + ((ends[id] - start) >> 3)));
      this.#slots[place] = id + 1;
      if (ends[id] - start > longest) longest = Math.max(longest, utf16Length(bytes, start, ends[id]));
    }
    this.longestToken = longest;
  }

  /** Of a list in the order of ids. */
  static of(tokens: readonly (string | undefined)[]): Vocabulary {
    const starts = new Int32Array(tokens.length).fill(-1);
    const ends = new Int32Array(tokens.length);
    const byteLength = tokens.reduce((sum, token = "") => sum + 3 * token.length, 0);
    const bytes = new Uint8Array(byteLength);
    let end = 0;
    for (const [id, token] of tokens.entries()) {
      if (token === undefined) continue;
      starts[id] = end;
      end += utf8.encodeInto(token, bytes.subarray(end)).written;
      ends[id] = end;
    }
    return new Vocabulary(bytes.slice(0, end), starts, ends);
  }

  has(id: number): boolean {
    return id >= 0 && id < this.size && this.#starts[id] >= 0;
  }

  /** The token as text; bytes that are no UTF-8 (byte-level tokens of a GGUF may hold some) as U+FFFD. */
  token(id: number): string | undefined {
    if (!this.has(id)) return undefined;
    return (this.#strings[id] ??= this.#decoder.decode(this.#bytes.subarray(this.#starts[id], this.#ends[id])));
  }

  idOf(token: string): number | undefined {
    if (this.#scratch.length < 3 * token.length) this.#scratch = new Uint8Array(3 * token.length);
    const scratch = this.#scratch;
    let length = 0;
    for (; length < token.length; length++) {
      const code = token.charCodeAt(length);
      if (code > 0x7f) {
        length = utf8.encodeInto(token, scratch).written;
        break;
      }
      scratch[length] = code;
    }
    return this.idOfBytes(scratch, 0, length);
  }

  /** The id of `bytes.subarray(start, end)`. */
  idOfBytes(bytes: Uint8Array, start: number, end: number): number | undefined {
    const id = this.#slots[this.#place(bytes, start, end, hash(bytes, start, end))] - 1;
    return id < 0 ? undefined : id;
  }

  /** Where in the table a token lies, or would. */
  #place(bytes: Uint8Array, start: number, end: number, hashed: number): number {
    const mask = this.#slots.length - 1;
    const length = end - start;
    for (let place = hashed & mask; ; place = (place + 1) & mask) {
      const id = this.#slots[place] - 1;
      if (id < 0) return place;
      const other = this.#starts[id];
      if (this.#ends[id] - other !== length) continue;
      let i = 0;
      while (i < length && this.#bytes[other + i] === bytes[start + i]) i++;
      if (i === length) return place;
    }
  }
}

/** Ids may have gaps, but not so many that a small file asks for large tables. */
export function highestId(tokenCount: number): number {
  return Math.min(maxVocabSize - 1, 4 * tokenCount + 2 ** 16);
}

export function idOutOfRange(id: unknown, tokenCount: number): string {
  return `vocabulary: the id ${String(id)} is no integer from 0 to ${highestId(tokenCount)}, which ${tokenCount} tokens may have`;
}

/** FNV-1a, whose low bits are stirred once more: they alone choose the place. */
function hash(bytes: Uint8Array, start: number, end: number): number {
  let value = 0x811c9dc5;
  for (let i = start; i < end; i++) value = Math.imul(value ^ bytes[i], 0x01000193);
  return value ^ (value >>> 15);
}

function utf16Length(bytes: Uint8Array, start: number, end: number): number {
  let length = 0;
  for (let i = start; i < end; i++) length += (bytes[i] & 0xc0) === 0x80 ? 0 : bytes[i] >= 0xf0 ? 2 : 1;
  return length;
}
