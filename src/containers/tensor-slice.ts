import { FormatError, RequestError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";
import type { RawTensor, TensorReadOptions } from "./raw-tensor.ts";

/** A run of a tensor's rows, its bytes as they lie there. */
export class TensorSlice<Type extends string> implements RawTensor<Type> {
  readonly name: string;
  readonly dtype: Type;
  readonly shape: readonly number[];
  readonly byteLength: number;
  readonly #whole: RawTensor<Type>;
  readonly #start: number;

  private constructor(whole: RawTensor<Type>, name: string, shape: readonly number[], rows: Rows) {
    const rowBytes = whole.byteLength / whole.shape[0];
    this.name = name;
    this.dtype = whole.dtype;
    this.shape = shape;
    this.byteLength = (rows.end - rows.start) * rowBytes;
    this.#whole = whole;
    this.#start = rows.start * rowBytes;
  }

  /** One of a stack of matrices or vectors, such as an expert's: [index] of the first dimension. Throws FormatError where there is none. */
  static member<Type extends string>(stack: RawTensor<Type>, index: number): TensorSlice<Type> {
    const [count, ...shape] = stack.shape;
    if (shape.length < 1 || index >= count)
      throw new FormatError(`tensor ${quote(stack.name)} of [${stack.shape.join(", ")}] has no member ${index}`);
    return new TensorSlice(stack, `${stack.name}[${index}]`, shape, { start: index, end: index + 1 });
  }

  /** The rows `start` to `end` of the first dimension. Throws FormatError where the tensor has fewer. */
  static rows<Type extends string>(tensor: RawTensor<Type>, { start, end }: Rows): TensorSlice<Type> {
    const [count = 0, ...others] = tensor.shape;
    if (!(Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start < end && end <= count))
      throw new FormatError(
        `tensor ${quote(tensor.name)} of [${tensor.shape.join(", ")}] has no rows ${start} to ${end}`,
      );
    return new TensorSlice(tensor, `${tensor.name}[${start}:${end}]`, [end - start, ...others], { start, end });
  }

  async read(options: TensorReadOptions = {}): Promise<Uint8Array> {
    const { start = 0, end = this.byteLength } = options;
    if (!(start >= 0 && start <= end && end <= this.byteLength)) {
      throw new RequestError(`tensor ${quote(this.name)} has ${this.byteLength} bytes, not ${start} to ${end}`);
    }
    return this.#whole.read({ ...options, start: this.#start + start, end: this.#start + end });
  }
}

/** From `start` up to and without `end`. */
export interface Rows {
  readonly start: number;
  readonly end: number;
}
