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
    const found = this.take(plainInteger);
    if (found === undefined) this.fail(`${what} must hold plain non-negative integers`);
    const value = Number(found[0]);
    if (value > Number.MAX_SAFE_INTEGER) this.fail(`${what} has a number above 2^53`);
    return value;
  }

  /** A string of at most `maxLength` UTF-16 units. */
  string(what: string, maxLength: number): string {
    this.#skipSpace();
    if (this.#code() !== 0x22) this.fail(`${what} must be a string`);
    const start = this.#at + 1;
    // An escape takes six characters at most: what is longer than that needs no closer look.
    const longest = maxLength * 6;
    let end = this.#text.indexOf('"', start);
    if (end < 0) this.fail(`${what} is not closed`);
    let text = end - start > longest ? undefined : this.#text.slice(start, end);
    if (text !== undefined && needsCare.test(text)) {
      end = this.#endOfEscaped(start, what);
      text = end - start > longest ? undefined : this.#unescape(start, end, what);
    }
    if (text === undefined || text.length > maxLength) this.fail(`${what} is longer than ${maxLength} characters`);
    this.#at = end + 1;
    return text;
  }

  /** Where the string that begins at `start` is closed, when some of its quotes may be escaped. */
  #endOfEscaped(start: number, what: string): number {
    let at = start;
    for (let code = this.#text.charCodeAt(at); code !== 0x22; code = this.#text.charCodeAt(at)) {
      if (Number.isNaN(code)) this.fail(`${what} is not closed`);
      at += code === 0x5c ? 2 : 1;
    }
    return at;
  }

  #unescape(start: number, end: number, what: string): string {
    let text: unknown;
    try {
      text = JSON.parse(this.#text.slice(start - 1, end + 1));
    } catch {
      this.fail(`${what} has a malformed escape or a control character`);
    }
    // A lone surrogate has no UTF-8 form: such a name could be written nowhere.
    if (typeof text !== "string" || /\p{Cs}/u.test(text)) this.fail(`${what} has half a surrogate pair`);
    return text;
  }

  /** Passes over what matches the sticky `pattern` here, if it does: for values that are mostly spelled in one way. */
  take(pattern: RegExp): RegExpExecArray | undefined {
    this.#skipSpace();
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text) ?? undefined;
    if (found !== undefined) this.#at += found[0].length;
    return found;
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
    } else if (this.take(literal) === undefined) {
      this.fail(`${what} is not valid JSON`);
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
    // Most tokens touch; a comparison is cheaper than finding out with an expression.
    if (!(this.#code() <= 0x20)) return;
    space.lastIndex = this.#at;
    this.#at += space.exec(this.#text)?.[0].length ?? 0;
  }

  /** NaN at the end of the text. */
  #code(): number {
    return this.#text.charCodeAt(this.#at);
  }
}

// Native searches and expressions rather than loops over characters: a model is opened once in the life of a process,
// when such loops still run interpreted; they took 50 ms for the 170 KB that describe a model of 900 tensors.
const space = /[ \t\n\r]*/y;
const plainInteger = /(?:0|[1-9]\d*)(?![\d.eE+-])/y;
/** Escapes, and everything that might be a control character (U+007F to U+009F, which are legal, among them). */
const needsCare = /[\\\p{Cc}]/u;
const literal = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
