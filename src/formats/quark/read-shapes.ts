import { FormatError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import type { AffineZeroWeight } from "../../weights/packed-weight.ts";
import { requireFloatType } from "../float-type.ts";
import { findGroupSize } from "../group-size.ts";
import { requireTensor, scaleTypes, shapeText, wordTypes } from "../tensor-checks.ts";
import type { TensorHead } from "../weight-format.ts";
import type { QuarkConfig } from "./parse-config.ts";

/** The tensors of a module of integers. Signed zero points are 0 where there are none. */
export interface IntegerTensors<Tensor extends TensorHead> {
  readonly codes: Tensor;
  readonly scale: Tensor;
  readonly zeroPoint: Tensor | undefined;
}

export interface IntegerShapes extends Pick<
  AffineZeroWeight,
  "inFeatures" | "outFeatures" | "groupSize" | "scaleType"
> {
  readonly bits: 4 | 8;
  readonly groups: number;
}

/** Codes to a word. */
const packed = 8;

/**
 *     8 bits   weight I8 [N, K]        weight_scale [], [1], [N] or [N, 1]    weight_zero_point I8, likewise
 *     4 bits   weight I32 [K, N / 8]   weight_scale [G, N]                    weight_zero_point I32 [G, N / 8]
 *
 * Throws FormatError for shapes that contradict each other, UnsupportedError for element types.
 */
export function readIntegerShapes(
  module: string,
  { codes, scale, zeroPoint }: IntegerTensors<TensorHead>,
  { signed4 }: QuarkConfig,
): IntegerShapes {
  requireTensor(module, codes, ["I8", ...wordTypes], 2);
  requireTensor(module, scale, scaleTypes, scale.shape.length);
  const isBytes = codes.dtype === "I8";
  if (zeroPoint) requireTensor(module, zeroPoint, isBytes ? ["I8"] : wordTypes, zeroPoint.shape.length);
  const [rows, columns] = codes.shape;
  const [inFeatures, outFeatures] = isBytes ? [columns, rows] : [rows, packed * columns];
  const groups = isBytes ? 1 : (scale.shape[0] ?? 0);
  const scales = product(scale);
  const zeros = zeroPoint && product(zeroPoint);
  const groupSize = findGroupSize({ inFeatures, groups }, { declaredGroups: [] });
  const fits = isBytes
    ? [1, outFeatures].includes(scales) && (zeros === undefined || [1, outFeatures].includes(zeros))
    : scale.shape.length === 2 &&
      scale.shape[1] === outFeatures &&
      (zeros === undefined || zeros * packed === groups * outFeatures);
  if (!fits || groupSize === undefined || codes.shape.includes(0))
    throw new FormatError(
      `${quote(module)}: weight ${codes.dtype} ${shapeText(codes)}, its scale ${shapeText(scale)}` +
        `${zeroPoint ? `, zero points ${shapeText(zeroPoint)}` : ""}: bytes have a scale for all or for each output, 4-bit words one for each group and output`,
    );
  if (!isBytes && signed4 === undefined)
    throw new FormatError(
      `${quote(module)}: holds words of 4-bit integers, and the config has no weight of the dtype int4 or uint4 that would tell their sign`,
    );
  if (!isBytes && signed4 === false && zeroPoint === undefined)
    throw new FormatError(`${quote(module)}: the checkpoint has no weight_zero_point, which uint4 needs`);
  return { inFeatures, outFeatures, bits: isBytes ? 8 : 4, groups, groupSize, scaleType: requireFloatType(scale) };
}

function product({ shape }: TensorHead): number {
  return shape.reduce((values, dimension) => values * dimension, 1);
}
