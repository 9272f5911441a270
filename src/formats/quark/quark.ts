import { quote } from "../../util/quote.ts";
import { checkWeight } from "../../weights/check-weight.ts";
import type { AffineZeroWeight, PackedWeight } from "../../weights/packed-weight.ts";
import { decodeFloat8, describeFloat8, isFloat8, type Float8Tensors } from "../float8-weight.ts";
import { decodeFp4, describeFp4 } from "../fp4-weight.ts";
import { requirePiece } from "../tensor-checks.ts";
import type { Pieces, TensorData, TensorHead, WeightFormat } from "../weight-format.ts";
import { parseQuarkConfig, type QuarkConfig } from "./parse-config.ts";
import { readIntegerShapes, type IntegerTensors } from "./read-shapes.ts";
import { readPacked4, readScales, readZeros8 } from "./read-integers.ts";

const mark = ".weight_scale";

/** Scales and zero points of activations, biases, keys and values: what they are for is computed here in other types. */
const bookkeeping = /\.((input|output|bias)_(scale|zero_point)|[kvq]_scale|[kv]_proj\.output_scale)$/;

/**
 * AMD's Quark. The element type of X.weight tells what it is: 8-bit floats of one scale a tensor or an output; MXFP4 (U8), a scale for every
 * 32 inputs; int8, w = (q - weight_zero_point) * weight_scale, one scale a tensor or an output; words of eight 4-bit integers along the
 * outputs, in AWQ's order, likewise with a scale and a zero point for every group. Layouts: vllm-project/vllm,
 * vllm/model_executor/layers/quantization/quark/schemes (create_weights of each), at 006bce4e.
 */
export const quark: WeightFormat<QuarkConfig> = {
  name: "quark",
  title: "Quark",
  recognise: parseQuarkConfig,
  markedModule: (tensor) => (tensor.endsWith(mark) ? tensor.slice(0, -mark.length) : undefined),
  pieceNames: (module) => ["weight", "weight_scale", "weight_zero_point"].map((name) => `${module}.${name}`),
  isBookkeeping: (tensor) => bookkeeping.test(tensor),
  notes: ({ notes }) => notes,

  describe(module, pieces, config) {
    const floats = floatTensors(module, pieces);
    if (isFloat8(floats.codes)) return describeFloat8(module, floats);
    if (floats.codes.dtype === "U8") return describeFp4(module, floats);
    const { inFeatures, outFeatures, bits, groupSize } = readIntegerShapes(
      module,
      integers(floats, module, pieces),
      config,
    );
    return { scheme: "affine-zero", inFeatures, outFeatures, bits, groupSize };
  },

  decode(module, pieces, config) {
    const floats = floatTensors(module, pieces);
    if (isFloat8(floats.codes)) return decodeFloat8(module, floats);
    if (floats.codes.dtype === "U8") return decodeFp4(module, floats);
    return decodeIntegers(module, integers(floats, module, pieces), config);
  },
};

function decodeIntegers(module: string, tensors: IntegerTensors<TensorData>, config: QuarkConfig): PackedWeight {
  const { inFeatures, outFeatures, bits, groups, groupSize, scaleType } = readIntegerShapes(module, tensors, config);
  const weight: AffineZeroWeight = {
    scheme: "affine-zero",
    inFeatures,
    outFeatures,
    bits,
    groupSize,
    scales: readScales(tensors.scale, scaleType, outFeatures * groups),
    scaleType,
    ...(bits === 8
      ? { codes: tensors.codes.bytes, order: "byte-rows", ...readZeros8(tensors.zeroPoint, outFeatures) }
      : { order: "awq-gemm", ...readPacked4(tensors, config.signed4 === true) }),
  };
  checkWeight(weight, quote(module));
  return weight;
}

function floatTensors<Tensor extends TensorHead>(module: string, pieces: Pieces<Tensor>): Float8Tensors<Tensor> {
  return {
    codes: requirePiece(module, "weight", pieces, "Quark"),
    scale: requirePiece(module, "weight_scale", pieces, "Quark"),
  };
}

function integers<Tensor extends TensorHead>(
  { codes, scale }: Float8Tensors<Tensor>,
  module: string,
  pieces: Pieces<Tensor>,
): IntegerTensors<Tensor> {
  return { codes, scale, zeroPoint: pieces.get(`${module}.weight_zero_point`) };
}
