import { FormatError, RequestError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { checkWeight } from "../../weights/check-weight.ts";
import { floatValues } from "../../weights/float-values.ts";
import { floatBytes, type DenseWeight } from "../../weights/packed-weight.ts";
import { requireFloatType } from "../float-type.ts";
import { findPackedMark } from "../packed-marks.ts";
import type { Pieces, TensorData, TensorHead, WeightFormat } from "../weight-format.ts";

const suffix = ".weight";

/**
 * Plain floats: `X.weight` is [outFeatures][inFeatures]. It is the format of a checkpoint that declares no quantization
 * and shows none; modules that a quantized checkpoint left alone are read by it too.
 */
export const dense: WeightFormat<Record<never, never>> = {
  name: "dense",
  title: "unquantized",
  markedModule: () => undefined, // nothing is packed
  pieceNames: (module) => [module + suffix],

  recognise(evidence, { checkpointFormat }) {
    if (evidence.declared !== undefined || findPackedMark(evidence)) return undefined;
    if (checkpointFormat !== undefined) {
      throw new RequestError(
        `${evidence.label}: unquantized checkpoints have no variants; ask for no checkpoint format, not ${quote(checkpointFormat)}`,
      );
    }
    return {};
  },

  describe(module, pieces) {
    const tensor = matrixOf(module, pieces);
    const [outFeatures, inFeatures] = tensor.shape;
    return { scheme: "dense", inFeatures, outFeatures, bits: 8 * floatBytes[requireFloatType(tensor)] };
  },

  decode(module, pieces) {
    const tensor = matrixOf(module, pieces);
    const [outFeatures, inFeatures] = tensor.shape;
    const type = requireFloatType(tensor);
    const weight: DenseWeight = { scheme: "dense", inFeatures, outFeatures, type, values: tensor.bytes };
    checkWeight(weight, quote(module));
    return weight;
  },
};

function matrixOf<Tensor extends TensorHead>(module: string, pieces: Pieces<Tensor>): Tensor {
  const tensor = pieces.get(module + suffix);
  if (tensor === undefined) throw new FormatError(`the checkpoint has no tensor ${quote(module + suffix)}`);
  if (tensor.shape.length !== 2) {
    const shape = `[${tensor.shape.join(", ")}]`;
    throw new FormatError(`tensor ${quote(tensor.name)} has the shape ${shape}; a weight must be [out, in]`);
  }
  return tensor;
}

/** A vector (a bias, a norm's weight) as f32; other shapes are errors. Throws FormatError, UnsupportedError. */
export function decodeVector(tensor: TensorData): Float32Array {
  const type = requireFloatType(tensor);
  if (tensor.shape.length !== 1) {
    throw new FormatError(
      `tensor ${quote(tensor.name)} has the shape [${tensor.shape.join(", ")}]; a vector is needed`,
    );
  }
  return floatValues(tensor.bytes, type);
}
