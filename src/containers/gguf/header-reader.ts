import { FormatError } from "../../util/errors.ts";

/** Thrown where the bytes at hand end before the file does: read more, and begin again. */
export class MoreBytesNeeded extends Error {
  /** From the start of the file. */
  readonly end: number;

  constructor(end: number) {
    super("the header goes on");
    this.end = end;
  }
}

export interface HeaderReaderOptions {
  /** Size of the file, of which `bytes` is the beginning. */
  readonly fileSize: number;
  readonly label: string;
  readonly littleEndian: boolean;
  /** Bytes of a count or a length: 4 in version 1, 8 since. */
  readonly countBytes: 4 | 8;
}

const lenientUtf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const strictUtf8 = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

/** Reads the fields of a GGUF header one after the other. Every length is compared with what is left of the file first. */
export class HeaderReader {
  readonly littleEndian: boolean;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #options: HeaderReaderOptions;
  #position: number;

  constructor(bytes: Uint8Array, start: number, options: HeaderReaderOptions) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#options = options;
    this.#position = start;
    this.littleEndian = options.littleEndian;
  }

  /** Bytes of a count or a length, and so the least that a string takes. */
  get countBytes(): number {
    return this.#options.countBytes;
  }

  get position(): number {
    return this.#position;
  }

  /** Bytes of the file behind the position. */
  get remaining(): number {
    return this.#options.fileSize - this.#position;
  }

  /** Moves over `length` bytes and returns where they begin in the view. */
  #take(length: number, what: string): number {
    if (length > this.remaining) {
      this.fail(
        `${what} needs ${length} bytes at offset ${this.#position}, ${this.remaining} remain; it is truncated or damaged`,
      );
    }
    const start = this.#position;
    if (start + length > this.#bytes.byteLength) throw new MoreBytesNeeded(start + length);
    this.#position = start + length;
    return start;
  }

  fail(problem: string): never {
    throw new FormatError(`${this.#options.label}: ${problem}`);
  }

  u8(what: string): number {
    return this.#bytes[this.#take(1, what)];
  }

  u32(what: string): number {
    return this.#view.getUint32(this.#take(4, what), this.littleEndian);
  }

  /** An unsigned integer of 64 bits that must be exact as a number. */
  u64(what: string): number {
    const value = this.#view.getBigUint64(this.#take(8, what), this.littleEndian);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) this.fail(`${what} is ${value}, beyond 2^53`);
    return Number(value);
  }

  /** A count of things that take at least `least` bytes each, so that it can be compared with what is left of the file. */
  count(what: string, least: number): number {
    const { countBytes } = this.#options;
    const start = this.#take(countBytes, what);
    // As BigInt: near 2^64 a number would be rounded, and so would be every comparison with it.
    const claimed =
      countBytes === 4
        ? BigInt(this.#view.getUint32(start, this.littleEndian))
        : this.#view.getBigUint64(start, this.littleEndian);
    const most = Math.floor(this.remaining / least);
    if (claimed > BigInt(most)) {
      this.fail(`${what} is ${claimed}, but in the ${this.remaining} bytes that remain there is room for ${most}`);
    }
    return Number(claimed);
  }

  /**
   * A string, without the NULs that some writers leave at its end. Bytes that are no UTF-8 become U+FFFD in lists of tokens; a name must
   * be what it says (`strict`).
   */
  string(what: string, { strict }: { readonly strict: boolean }): string {
    const length = this.count(`the length of ${what}`, 1);
    const start = this.#take(length, what);
    let end = start + length;
    while (end > start && this.#bytes[end - 1] === 0) end--;
    const short = end - start <= 32 ? this.#ascii(start, end) : undefined;
    if (short !== undefined) return short;
    try {
      return (strict ? strictUtf8 : lenientUtf8).decode(this.#bytes.subarray(start, end));
    } catch {
      return this.fail(`${what} at offset ${start} is not valid UTF-8`);
    }
  }

  /** Most strings are tokens of a few letters, for which a decoder's call costs ten times the work. */
  #ascii(start: number, end: number): string | undefined {
    for (let i = start; i < end; i++) if (this.#bytes[i] >= 0x80) return undefined;
    return String.fromCharCode.apply(null, this.#bytes.subarray(start, end) as unknown as number[]);
  }

  /** The bytes of `count` numbers, as they lie in the file. */
  numbers(count: number, width: number, what: string): DataView {
    const start = this.#take(count * width, what);
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + start, count * width);
  }
}
