import { FormatError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { checkWeight } from "../../weights/check-weight.ts";
import { floatBytes, type DenseWeight } from "../../weights/packed-weight.ts";
import { requireFloatType } from "../float-type.ts";
import { shapeText } from "../tensor-checks.ts";
import { transposeFloats } from "../transpose.ts";
import type { Pieces, TensorHead, WeightFormat } from "../weight-format.ts";

/**
 * Plain floats of one expert out of a stack, as gpt-oss has them: the matrix is [inFeatures][outFeatures], so that decoding copies it. Only
 * experts are looked for here; a checkpoint is never of this format.
 */
export const denseStack: WeightFormat<Record<never, never>> = {
  name: "dense",
  title: "unquantized",
  recognise: () => undefined,
  markedModule: () => undefined,
  pieceNames: (module) => [module],

  describe(module, pieces) {
    const tensor = matrixOf(module, pieces);
    const [inFeatures, outFeatures] = tensor.shape;
    return { scheme: "dense", inFeatures, outFeatures, bits: 8 * floatBytes[requireFloatType(tensor)] };
  },

  decode(module, pieces) {
    const tensor = matrixOf(module, pieces);
    const [inFeatures, outFeatures] = tensor.shape;
    const type = requireFloatType(tensor);
    const values = transposeFloats(tensor.bytes, type, { rows: inFeatures, columns: outFeatures });
    const weight: DenseWeight = { scheme: "dense", inFeatures, outFeatures, type, values };
    checkWeight(weight, quote(module));
    return weight;
  },
};

function matrixOf<Tensor extends TensorHead>(module: string, pieces: Pieces<Tensor>): Tensor {
  const tensor = pieces.get(module);
  if (tensor?.shape.length === 2) return tensor;
  const found = tensor === undefined ? "is missing" : `has matrices of the shape ${shapeText(tensor)}`;
  throw new FormatError(`the stack ${quote(module)} ${found}; experts' must be [in, out]`);
}
