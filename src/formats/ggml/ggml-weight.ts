import { FormatError, UnsupportedError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { blockLayouts, isBlockType } from "../../weights/blocks/block-type.ts";
import { checkWeight } from "../../weights/check-weight.ts";
import { floatBytes, type BlockWeight, type DenseWeight } from "../../weights/packed-weight.ts";
import { floatTypeOf } from "../float-type.ts";
import type { TensorData, TensorHead, WeightOutline } from "../weight-format.ts";

/** What a tensor's header tells of it as a weight. Throws UnsupportedError for integers and 64-bit floats. */
export function ggmlOutline(tensor: TensorHead): WeightOutline {
  const { dtype } = tensor;
  const [outFeatures, inFeatures] = matrixShape(tensor);
  if (isBlockType(dtype)) {
    const { bits, groupSize } = blockLayouts[dtype];
    return { scheme: "block", inFeatures, outFeatures, bits, groupSize };
  }
  const type = floatTypeOf(tensor);
  if (type === undefined)
    throw new UnsupportedError(`tensor ${quote(tensor.name)} holds ${dtype}, which is no weight's`);
  return { scheme: "dense", inFeatures, outFeatures, bits: 8 * floatBytes[type] };
}

/** A tensor of ggml as a weight; takes the bytes. Throws as ggmlOutline, and FormatError for a length that contradicts the shape. */
export function ggmlWeight(tensor: TensorData): DenseWeight | BlockWeight {
  const { name, dtype, bytes } = tensor;
  const { inFeatures, outFeatures } = ggmlOutline(tensor);
  const type = floatTypeOf(tensor);
  const weight: DenseWeight | BlockWeight =
    type !== undefined
      ? { scheme: "dense", inFeatures, outFeatures, type, values: bytes }
      : { scheme: "block", inFeatures, outFeatures, type: blockType(dtype), blocks: bytes };
  checkWeight(weight, `tensor ${quote(name)}`);
  return weight;
}

/** A stack of matrices counts as one, of all their rows. */
function matrixShape({ name, shape }: TensorHead): readonly [outFeatures: number, inFeatures: number] {
  const inFeatures = shape.at(-1);
  if (inFeatures === undefined || shape.length < 2) {
    throw new FormatError(`tensor ${quote(name)} has the shape [${shape.join(", ")}]; a weight must be [out, in]`);
  }
  return [shape.slice(0, -1).reduce((product, dimension) => product * dimension, 1), inFeatures];
}

function blockType(dtype: string): BlockWeight["type"] {
  if (!isBlockType(dtype)) throw new UnsupportedError(`${dtype} is no type of weights`);
  return dtype;
}
