import { FormatError, RequestError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";
import type { RawTensor, TensorReadOptions } from "./raw-tensor.ts";

/** One of a stack of matrices or vectors, such as an expert's: [index] of a tensor whose first dimension counts them. */
export class TensorSlice<Type extends string> implements RawTensor<Type> {
  readonly name: string;
  readonly dtype: Type;
  readonly shape: readonly number[];
  readonly byteLength: number;
  readonly #stack: RawTensor<Type>;
  readonly #start: number;

  /** Throws FormatError where the stack has no such slice. */
  constructor(stack: RawTensor<Type>, index: number) {
    const [count, ...shape] = stack.shape;
    if (shape.length < 1 || index >= count) {
      throw new FormatError(`tensor ${quote(stack.name)} of [${stack.shape.join(", ")}] has no member ${index}`);
    }
    this.name = `${stack.name}[${index}]`;
    this.dtype = stack.dtype;
    this.shape = shape;
    this.byteLength = stack.byteLength / count;
    this.#stack = stack;
    this.#start = index * this.byteLength;
  }

  async read(options: TensorReadOptions = {}): Promise<Uint8Array> {
    const { start = 0, end = this.byteLength } = options;
    if (!(start >= 0 && start <= end && end <= this.byteLength)) {
      throw new RequestError(`tensor ${quote(this.name)} has ${this.byteLength} bytes, not ${start} to ${end}`);
    }
    return this.#stack.read({ ...options, start: this.#start + start, end: this.#start + end });
  }
}
