import { FormatError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";

/**
 * A strict, bounded reader for the little JSON that safetensors files and their indexes are written in: objects, arrays,
 * strings and non-negative integers. JSON.parse will not do: it keeps the last of two equal keys without a word, rounds
 * integers beyond 2^53, and lets `__proto__` through. The caller drives it along the grammar that it expects, so that
 * nothing is built that was not asked for.
 */
export class JsonScanner {
  readonly #text: string;
  readonly #label: string;
  /** The keys that lead to the value being read, for messages: quoted only when there is one. */
  readonly #path: string[] = [];
  #at = 0;

  /** `bytes` must be UTF-8 without a byte order mark; `label` names the file in errors. */
  constructor(bytes: Uint8Array, label: string) {
    this.#label = label;
    try {
      this.#text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (cause) {
      throw new FormatError(`${label}: the JSON is not valid UTF-8`, { cause });
    }
  }

  /** Calls `field` for every key of the object that starts here; `field` must read the value. Keys are unique. */
  object(what: string, maxKeyLength: number, field: (key: string) => void): void {
    this.#expect("{", what);
    if (this.#accept("}")) return;
    const seen = new Set<string>();
    do {
      this.#skipSpace();
      const key = this.string(`a key of ${what}`, maxKeyLength);
      if (seen.has(key)) this.fail(`${what} has the key ${quote(key)} twice`);
      seen.add(key);
      this.#expect(":", what);
      this.#path.push(key);
      field(key);
      this.#path.pop();
    } while (this.#accept(","));
    this.#expect("}", what);
  }

  /** An array of at most `maxLength` integers from 0 to 2^53 - 1. */
  integers(what: string, maxLength: number): number[] {
    const values: number[] = [];
    this.#expect("[", what);
    if (this.#accept("]")) return values;
    do {
      if (values.length === maxLength) this.fail(`${what} has more than ${maxLength} numbers`);
      values.push(this.#integer(what));
    } while (this.#accept(","));
    this.#expect("]", what);
    return values;
  }

  #integer(what: string): number {
    this.#skipSpace();
    const start = this.#at;
    let value = 0;
    for (let code = this.#code(); code >= 0x30 && code <= 0x39; code = this.#code()) {
      value = value * 10 + (code - 0x30);
      if (value > Number.MAX_SAFE_INTEGER) this.fail(`${what} has a number above 2^53`);
      this.#at++;
    }
    const isPlain = this.#at > start && !(this.#text[start] === "0" && this.#at > start + 1);
    if (!isPlain || /[.eE+\-\d]/.test(this.#text.charAt(this.#at))) {
      this.fail(`${what} must hold plain non-negative integers`);
    }
    return value;
  }

  /** A string of at most `maxLength` UTF-16 units. */
  string(what: string, maxLength: number): string {
    this.#skipSpace();
    if (this.#code() !== 0x22) this.fail(`${what} must be a string`);
    const start = this.#at + 1;
    let end = this.#text.indexOf('"', start);
    let escaped = false;
    for (let at = start; at < end; at++) {
      const code = this.#text.charCodeAt(at);
      if (code === 0x5c) {
        escaped = true;
        at++; // what follows is part of the escape; JSON.parse judges it
        if (at === end) end = this.#text.indexOf('"', end + 1);
      } else if (code < 0x20) {
        this.fail(`${what} has a control character`);
      }
      // An escape takes six characters at most. Checked here so that a long string costs no more than a short one.
      if (at - start > maxLength * 6) break;
    }
    if (end < 0) this.fail(`${what} is not closed`);
    const tooLong = end - start > maxLength * (escaped ? 6 : 1);
    const text = tooLong || !escaped ? this.#text.slice(start, end) : this.#unescape(start, end, what);
    if (text.length > maxLength) this.fail(`${what} is longer than ${maxLength} characters`);
    this.#at = end + 1;
    return text;
  }

  #unescape(start: number, end: number, what: string): string {
    let text: unknown;
    try {
      text = JSON.parse(this.#text.slice(start - 1, end + 1));
    } catch {
      this.fail(`${what} has a malformed escape`);
    }
    // A lone surrogate has no UTF-8 form: such a name could be written nowhere.
    if (typeof text !== "string" || /\p{Cs}/u.test(text)) this.fail(`${what} has a malformed escape`);
    return text;
  }

  /** Passes over a value of any type, no deeper than `maxDepth` objects and arrays. */
  skip(what: string, maxDepth: number): void {
    this.#skipSpace();
    const next = this.#text[this.#at];
    if (next === "{" || next === "[") {
      if (maxDepth === 0) this.fail(`${what} is nested too deeply`);
      if (next === "{") {
        this.object(what, Infinity, () => this.skip(what, maxDepth - 1));
      } else {
        this.#at++;
        if (this.#accept("]")) return;
        do this.skip(what, maxDepth - 1);
        while (this.#accept(","));
        this.#expect("]", what);
      }
    } else if (next === '"') {
      this.string(what, Infinity);
    } else {
      literal.lastIndex = this.#at;
      const found = literal.exec(this.#text);
      if (found === null) this.fail(`${what} is not valid JSON`);
      this.#at += found[0].length;
    }
  }

  /** Nothing but white space may follow. */
  end(): void {
    this.#skipSpace();
    if (this.#at < this.#text.length) this.fail("there is text after the end of the JSON");
  }

  fail(problem: string): never {
    const place = this.#path.map((key) => `${quote(key)}, `).join("");
    throw new FormatError(`${this.#label}: ${problem} (at ${place}character ${this.#at} of the JSON)`);
  }

  #expect(char: string, what: string): void {
    if (!this.#accept(char)) {
      const found = this.#at < this.#text.length ? quote(this.#text.charAt(this.#at)) : "its end";
      this.fail(`${what}: expected ${quote(char)}, found ${found}`);
    }
  }

  #accept(char: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #skipSpace(): void {
    for (
      let code = this.#code();
      code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
      code = this.#code()
    ) {
      this.#at++;
    }
  }

  /** NaN at the end of the text. */
  #code(): number {
    return this.#text.charCodeAt(this.#at);
  }
}

const literal = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
