import { FormatError } from "../../../util/errors.ts";

/** Objects and arrays inside of each other; a tokenizer.json has seven levels. */
const maxDepth = 64;

const utf8Decoder = new TextDecoder();
const utf8Encoder = new TextEncoder();

const comma = 0x2c;
const quotationMark = 0x22;
const backslash = 0x5c;

export const beginObject = 0x7b;
export const endObject = 0x7d;
export const beginArray = 0x5b;
export const endArray = 0x5d;

/**
 * Reads JSON from bytes without building it: a vocabulary's strings stay bytes. Bytes must be valid UTF-8. Throws FormatError for what is
 * no JSON. Usage: `enter(beginArray); while (more(endArray)) readString();`
 */
export class JsonScanner {
  readonly bytes: Uint8Array;
  position: number;
  /** Of the last readString: where its bytes lie, escapes undone. Valid until the next one. */
  text: Uint8Array;
  textStart = 0;
  textEnd = 0;
  #isFirst = false;
  #unescaped = new Uint8Array(256);

  constructor(bytes: Uint8Array, position = 0) {
    this.bytes = bytes;
    this.position = position;
    this.text = bytes;
  }

  /** The byte that comes next, behind white space; undefined at the end. */
  peek(): number | undefined {
    for (;;) {
      const byte = this.bytes[this.position];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
      this.position++;
    }
  }

  enter(begin: typeof beginObject | typeof beginArray): void {
    if (this.peek() !== begin) this.#fail(begin === beginArray ? "a list" : "an object");
    this.position++;
    this.#isFirst = true;
  }

  /** Goes to the next element, or past the end of the list or object. */
  more(end: typeof endObject | typeof endArray): boolean {
    const byte = this.peek();
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if (byte === end) {
      this.position++;
      return false;
    }
    if (isFirst) return true;
    if (byte !== comma) this.#fail(`"," or "${String.fromCharCode(end)}"`);
    this.position++;
    if (this.peek() === end) this.#fail("an element");
    return true;
  }

  /** A key of an object, and passes the colon behind it. */
  readKey(): string {
    this.readTokenKey();
    return utf8Decoder.decode(this.text.subarray(this.textStart, this.textEnd));
  }

  /** As readKey; what it reads stays bytes, as after readString. */
  readTokenKey(): void {
    this.readString();
    if (this.peek() !== 0x3a) this.#fail('":"');
    this.position++;
  }

  readString(): void {
    if (this.peek() !== quotationMark) this.#fail("a text");
    const { bytes } = this;
    const start = this.position + 1;
    let end = start;
    while (end < bytes.length && bytes[end] !== quotationMark && bytes[end] !== backslash && bytes[end] >= 0x20) end++;
    if (bytes[end] === quotationMark) {
      this.text = bytes;
      this.textStart = start;
      this.textEnd = end;
      this.position = end + 1;
    } else this.#readEscaped();
  }

  /** What integers and other numbers look like is left to JSON's own parser where it is not plain. */
  readNumber(): number {
    this.peek();
    const { bytes } = this;
    let position = this.position;
    let value = 0;
    while (bytes[position] >= 0x30 && bytes[position] <= 0x39 && position - this.position < 10) {
      value = 10 * value + bytes[position++] - 0x30;
    }
    const next = bytes[position];
    const isPlain = next === comma || next === endObject || next === endArray || next === 0x20 || next === 0x0a;
    if (isPlain && position > this.position && (bytes[this.position] !== 0x30 || position === this.position + 1)) {
      this.position = position;
      return value;
    }
    const number = this.readValue();
    if (typeof number !== "number") return this.#fail("a number");
    return number;
  }

  /** Any value, built. */
  readValue(): unknown {
    this.peek();
    const start = this.position;
    this.skipValue();
    const json = utf8Decoder.decode(this.bytes.subarray(start, this.position));
    try {
      return JSON.parse(json);
    } catch (cause) {
      throw new FormatError(`is not valid JSON near byte ${start}`, { cause });
    }
  }

  /** Passes a value whose brackets match; all else about it is unchecked. One plain loop, for it goes over whole vocabularies. */
  skipValue(): void {
    const first = this.peek();
    if (first === quotationMark) return this.#skipString();
    if (first !== beginObject && first !== beginArray) return this.#skipWord();
    const { bytes } = this;
    let depth = 0;
    let position = this.position;
    do {
      const byte = bytes[position++];
      if (byte === quotationMark) {
        while (position < bytes.length && bytes[position] !== quotationMark)
          position += bytes[position] === backslash ? 2 : 1;
        position++;
      } else if (byte === beginObject || byte === beginArray) {
        if (++depth > maxDepth) throw new FormatError(`is nested more than ${maxDepth} levels deep`);
      } else if (byte === endObject || byte === endArray) depth--;
    } while (depth > 0 && position < bytes.length);
    this.position = Math.min(position, bytes.length);
    if (depth > 0) this.#fail("the end of what begins here");
  }

  #skipString(): void {
    const { bytes } = this;
    let end = this.position + 1;
    while (end < bytes.length && bytes[end] !== quotationMark) end += bytes[end] === backslash ? 2 : 1;
    if (end >= bytes.length) this.#fail('a text that ends with """');
    this.position = end + 1;
  }

  /** A number or a name. */
  #skipWord(): void {
    const start = this.position;
    for (; this.position < this.bytes.length; this.position++) {
      const byte = this.bytes[this.position];
      if (byte <= 0x20 || byte === comma || byte === endObject || byte === endArray) break;
    }
    if (this.position === start) this.#fail("a value");
  }

  #readEscaped(): void {
    const start = this.position;
    this.#skipString();
    const json = utf8Decoder.decode(this.bytes.subarray(start, this.position));
    let text: string;
    try {
      text = JSON.parse(json) as string;
    } catch (cause) {
      throw new FormatError(`is not valid JSON near byte ${start}`, { cause });
    }
    if (this.#unescaped.length < 3 * text.length) this.#unescaped = new Uint8Array(3 * text.length);
    this.text = this.#unescaped;
    this.textStart = 0;
    this.textEnd = utf8Encoder.encodeInto(text, this.#unescaped).written;
  }

  #fail(expected: string): never {
    const byte = this.peek();
    const found = byte === undefined ? "the end" : JSON.stringify(String.fromCharCode(byte));
    throw new FormatError(`is not valid JSON: expected ${expected} at byte ${this.position}, found ${found}`);
  }
}
