import type { RawTensor, TensorReadOptions } from "../../containers/raw-tensor.ts";
import type { LinearShape } from "../../weights/linear-shape.ts";
import { FormatError, RequestError, UnsupportedError } from "../../util/errors.ts";
import { bytesOf } from "../../util/bytes.ts";
import { quote } from "../../util/quote.ts";
import { blockLayouts, isBlockType } from "../../weights/blocks/block-type.ts";
import { checkWeight } from "../../weights/check-weight.ts";
import { dequantize } from "../../weights/dequantize.ts";
import { floatBytes, type BlockWeight, type FloatType } from "../../weights/packed-weight.ts";
import { floatTypeOf } from "../float-type.ts";
import { transposeFloats } from "../transpose.ts";

/**
 * A matrix whose data lie [inFeatures][outFeatures], as [outFeatures][inFeatures]. Blocks run along outputs in such a file, which no scheme
 * holds: they are read as the f32 values that they stand for. Each read decodes the whole tensor.
 */
export class TransposedTensor<Type extends string> implements RawTensor<Type | "F32"> {
  readonly name: string;
  readonly dtype: Type | "F32";
  readonly shape: readonly [outFeatures: number, inFeatures: number];
  readonly byteLength: number;
  readonly #stored: RawTensor<Type>;
  readonly #type: FloatType;

  /** Throws UnsupportedError for what holds neither floats nor blocks, FormatError for blocks that do not fill the rows of the data. */
  constructor(stored: RawTensor<Type>, { inFeatures, outFeatures }: LinearShape) {
    const { name, dtype } = stored;
    const isBlocks = isBlockType(dtype);
    const type = isBlocks ? "f32" : floatTypeOf(stored);
    if (type === undefined) throw new UnsupportedError(`tensor ${quote(name)} holds ${dtype}, which is no weight's`);
    if (isBlocks && outFeatures % blockLayouts[dtype].values !== 0)
      throw new FormatError(
        `tensor ${quote(name)}: ${outFeatures} outputs side by side are no whole number of blocks of ${blockLayouts[dtype].values}`,
      );
    this.name = name;
    this.dtype = isBlocks ? "F32" : dtype;
    this.shape = [outFeatures, inFeatures];
    this.byteLength = inFeatures * outFeatures * floatBytes[type];
    this.#stored = stored;
    this.#type = type;
  }

  async read({ start = 0, end = this.byteLength, into, ...options }: TensorReadOptions = {}): Promise<Uint8Array> {
    if (!(start >= 0 && start <= end && end <= this.byteLength))
      throw new RequestError(`tensor ${quote(this.name)} has ${this.byteLength} bytes, not ${start} to ${end}`);
    const bytes = this.#turned(await this.#stored.read(options)).subarray(start, end);
    if (into === undefined) return bytes;
    into.set(bytes);
    return into.subarray(0, bytes.length);
  }

  #turned(bytes: Uint8Array): Uint8Array {
    const { dtype, name } = this.#stored;
    const [columns, rows] = this.shape;
    if (!isBlockType(dtype)) return transposeFloats(bytes, this.#type, { rows, columns });
    const flat: BlockWeight = { scheme: "block", inFeatures: columns, outFeatures: rows, type: dtype, blocks: bytes };
    checkWeight(flat, `tensor ${quote(name)}`);
    return transposeFloats(bytesOf(dequantize(flat)), "f32", { rows, columns });
  }
}
