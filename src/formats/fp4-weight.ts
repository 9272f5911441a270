import { asFloat32 } from "../util/bytes.ts";
import { FormatError } from "../util/errors.ts";
import { float8Table } from "../util/float8.ts";
import { quote } from "../util/quote.ts";
import { checkWeight } from "../weights/check-weight.ts";
import { e2m1Table } from "../weights/e2m1.ts";
import type { CodebookWeight } from "../weights/packed-weight.ts";
import { requireTensor, shapeText } from "./tensor-checks.ts";
import type { TensorData, TensorHead, WeightOutline } from "./weight-format.ts";

export interface Fp4Tensors<Tensor extends TensorHead> {
  readonly codes: Tensor;
  readonly scale: Tensor;
  /** Of NVFP4, where other scales are divided or multiplied by it; without it the module is MXFP4. */
  readonly globalScale?: { readonly tensor: Tensor; readonly use: "divides" | "multiplies" } | undefined;
}

/** Throws FormatError where shapes contradict each other, UnsupportedError for element types. */
export function describeFp4(module: string, tensors: Fp4Tensors<TensorHead>): WeightOutline {
  return { scheme: "codebook", bits: 4, ...readShapes(module, tensors) };
}

/**
 * The low nibble of a byte is the even input. A scale's byte is looked up in a table: of powers of two in MXFP4; in NVFP4 of 8-bit
 * floats divided (compressed-tensors) or multiplied (ModelOpt) by the global scale, and rounded to f32 before a weight is multiplied, as the
 * writers' own decompression has it.
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
    scaleTable: globalScale ? scaledScales(module, globalScale) : float8Table("e8m0"),
  };
  checkWeight(weight, quote(module));
  return weight;
}

function scaledScales(
  module: string,
  { tensor, use }: NonNullable<Fp4Tensors<TensorData>["globalScale"]>,
): Float32Array {
  const values = asFloat32(tensor.bytes);
  if (values.length !== 1 || !(Math.abs(values[0]) > 0)) {
    throw new FormatError(
      `${quote(module)}: tensor ${quote(tensor.name)} ${shapeText(tensor)} holds ${values[0]}; one number other than 0 is needed`,
    );
  }
  return float8Table("e4m3fn").map((scale) => (use === "divides" ? scale / values[0] : scale * values[0]));
}

/** codes [N, K / 2]   scale [N, K / 16] of e4m3 with a global scale, [N, K / 32] of exponents without */
function readShapes(
  module: string,
  { codes, scale, globalScale }: Fp4Tensors<TensorHead>,
): Pick<CodebookWeight, "inFeatures" | "outFeatures" | "groupSize"> {
  requireTensor(module, codes, ["U8"], 2);
  requireTensor(module, scale, globalScale ? ["F8_E4M3"] : ["U8", "F8_E8M0"], 2);
  if (globalScale) requireTensor(module, globalScale.tensor, ["F32"], globalScale.tensor.shape.length);
  const [outFeatures, bytes] = codes.shape;
  const inFeatures = 2 * bytes;
  const groupSize = globalScale ? 16 : 32;
  if (scale.shape[0] !== outFeatures || scale.shape[1] * groupSize !== inFeatures) {
    throw new FormatError(
      `${quote(module)}: codes ${shapeText(codes)} of ${inFeatures} inputs, scales ${shapeText(scale)}: ` +
        `each output has a scale for every ${groupSize} inputs`,
    );
  }
  return { inFeatures, outFeatures, groupSize };
}
