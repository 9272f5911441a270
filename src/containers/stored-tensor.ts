import type { ByteSource } from "../io/byte-source.ts";
import { RequestError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";
import type { RawTensor, TensorReadOptions } from "./raw-tensor.ts";

/** Where a tensor lies; the range has been checked against the file. */
export interface TensorEntry<Type extends string> {
  readonly name: string;
  readonly dtype: Type;
  readonly shape: readonly number[];
  /** First byte, from the start of the file; not always aligned for the dtype. */
  readonly offset: number;
  readonly byteLength: number;
}

/** A tensor that is a range of its file. */
export class StoredTensor<Type extends string> implements RawTensor<Type> {
  readonly name: string;
  readonly dtype: Type;
  readonly shape: readonly number[];
  readonly byteLength: number;
  readonly #offset: number;
  readonly #source: ByteSource;

  constructor(entry: TensorEntry<Type>, source: ByteSource) {
    this.name = entry.name;
    this.dtype = entry.dtype;
    this.shape = entry.shape;
    this.byteLength = entry.byteLength;
    this.#offset = entry.offset;
    this.#source = source;
  }

  async read(options: TensorReadOptions = {}): Promise<Uint8Array> {
    const { start = 0, end = this.byteLength } = options;
    if (!(start >= 0 && start <= end && end <= this.byteLength)) throw this.badRange(start, end);
    return this.#source.read(this.#offset + start, end - start, options);
  }

  protected badRange(start: number, end: number): RequestError {
    return new RequestError(
      `${this.#source.label}: tensor ${quote(this.name)} of ${this.byteLength} bytes cannot be read from ${start} to ${end}`,
    );
  }
}
