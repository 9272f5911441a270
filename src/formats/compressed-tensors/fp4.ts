import { asFloat32 } from "../../util/bytes.ts";
import { FormatError } from "../../util/errors.ts";
import { float8Table } from "../../util/float8.ts";
import { quote } from "../../util/quote.ts";
import { checkWeight } from "../../weights/check-weight.ts";
import { e2m1Table } from "../../weights/e2m1.ts";
import type { CodebookWeight } from "../../weights/packed-weight.ts";
import { requirePiece, requireTensor, shapeText } from "../tensor-checks.ts";
import type { Pieces, TensorData, TensorHead, WeightOutline } from "../weight-format.ts";

export interface Fp4Tensors<Tensor extends TensorHead> {
  readonly codes: Tensor;
  readonly scale: Tensor;
  /** Of NVFP4; without it the module is MXFP4. */
  readonly globalScale: Tensor | undefined;
}

/** Undefined: the module's packed weight is no tensor of bytes, as only FP4 has it. */
export function fp4Tensors<Tensor extends TensorHead>(
  module: string,
  pieces: Pieces<Tensor>,
): Fp4Tensors<Tensor> | undefined {
  const codes = pieces.get(`${module}.weight_packed`);
  if (codes?.dtype !== "U8") return undefined;
  const scale = requirePiece(module, "weight_scale", pieces, "FP4");
  return { codes, scale, globalScale: pieces.get(`${module}.weight_global_scale`) };
}

/** Throws FormatError where shapes contradict each other, UnsupportedError for element types. */
export function describeFp4(module: string, tensors: Fp4Tensors<TensorHead>): WeightOutline {
  return { scheme: "codebook", bits: 4, ...readShapes(module, tensors) };
}

/**
 * The low nibble of a byte is the even input. A scale's byte is looked up in a table: of powers of two in MXFP4; in NVFP4 of 8-bit
 * floats *divided* by the global scale and rounded to f32 before a weight is multiplied, as the writer's own decompression has it.
 */
export function decodeFp4(module: string, tensors: Fp4Tensors<TensorData>): CodebookWeight {
  const { codes, scale, globalScale } = tensors;
  const weight: CodebookWeight = {
    scheme: "codebook",
    ...readShapes(module, tensors),
    name: "e2m1",
    table: e2m1Table,
    codes: codes.bytes,
    evenNibble: "low",
    scales: scale.bytes,
    scaleTable: globalScale ? dividedScales(module, globalScale) : float8Table("e8m0"),
  };
  checkWeight(weight, quote(module));
  return weight;
}

function dividedScales(module: string, globalScale: TensorData): Float32Array {
  const values = asFloat32(globalScale.bytes);
  if (values.length !== 1 || !(Math.abs(values[0]) > 0)) {
    throw new FormatError(
      `${quote(module)}: weight_global_scale ${shapeText(globalScale)} holds ${values[0]}; one number other than 0 is needed`,
    );
  }
  return float8Table("e4m3fn").map((scale) => scale / values[0]);
}

/** codes [N, K / 2]   scale [N, K / 16] of e4m3 with a global scale, [N, K / 32] of exponents without */
function readShapes(
  module: string,
  { codes, scale, globalScale }: Fp4Tensors<TensorHead>,
): Pick<CodebookWeight, "inFeatures" | "outFeatures" | "groupSize"> {
  requireTensor(module, codes, ["U8"], 2);
  requireTensor(module, scale, globalScale ? ["F8_E4M3"] : ["U8", "F8_E8M0"], 2);
  if (globalScale) requireTensor(module, globalScale, ["F32"], globalScale.shape.length);
  const [outFeatures, bytes] = codes.shape;
  const inFeatures = 2 * bytes;
  const groupSize = globalScale ? 16 : 32;
  if (scale.shape[0] !== outFeatures || scale.shape[1] * groupSize !== inFeatures) {
    throw new FormatError(
      `${quote(module)}: weight_packed ${shapeText(codes)} of ${inFeatures} inputs, weight_scale ${shapeText(scale)}: ` +
        `each output has a scale for every ${groupSize} inputs`,
    );
  }
  return { inFeatures, outFeatures, groupSize };
}
