import { FormatError, UnsupportedError } from "../util/errors.ts";
import { float8Table } from "../util/float8.ts";
import { quote } from "../util/quote.ts";
import { checkWeight } from "../weights/check-weight.ts";
import { floatValues } from "../weights/float-values.ts";
import type { Float8Type, Float8Weight } from "../weights/packed-weight.ts";
import { requireFloatType } from "./float-type.ts";
import { findGroupSize } from "./group-size.ts";
import { requireTensor, scaleTypes, shapeText } from "./tensor-checks.ts";
import type { TensorData, TensorHead, WeightOutline } from "./weight-format.ts";

/** The tensors of a float8 module, whatever they are called. */
export interface Float8Tensors<Tensor extends TensorHead> {
  readonly codes: Tensor;
  readonly scale: Tensor;
}

/** Outputs and inputs that share a scale, as a config says. */
export interface DeclaredBlock {
  readonly rows?: number;
  readonly columns?: number;
}

type Float8Shapes = Pick<Float8Weight, "inFeatures" | "outFeatures" | "type" | "scaleRows" | "groupSize">;

const float8Types: ReadonlyMap<string, Float8Type> = new Map([
  ["F8_E4M3", "e4m3fn"],
  ["F8_E5M2", "e5m2"],
  ["F8_E4M3FNUZ", "e4m3fnuz"],
  ["F8_E5M2FNUZ", "e5m2fnuz"],
]);

export const isFloat8 = ({ dtype }: TensorHead): boolean => float8Types.has(dtype);

/** Throws FormatError where shapes contradict each other, UnsupportedError for element types. */
export function describeFloat8(
  module: string,
  tensors: Float8Tensors<TensorHead>,
  block: DeclaredBlock = {},
): WeightOutline {
  const { inFeatures, outFeatures, groupSize } = readShapes(module, tensors, block);
  return { scheme: "float8", inFeatures, outFeatures, bits: 8, groupSize };
}

/** `divides`: the stored scales are what quantizing multiplied by. Throws as describeFloat8. */
export function decodeFloat8(
  module: string,
  tensors: Float8Tensors<TensorData>,
  block: DeclaredBlock = {},
  divides = false,
): Float8Weight {
  const weight: Float8Weight = {
    scheme: "float8",
    ...readShapes(module, tensors, block),
    codes: tensors.codes.bytes,
    scales: scaleValues(tensors.scale),
    divides,
  };
  checkWeight(weight, quote(module));
  return weight;
}

/** A byte is a power of two, as the MX formats have them; some writers call it U8. */
function scaleValues({ dtype, bytes, ...head }: TensorData): Float32Array {
  if (dtype === "F8_E8M0" || dtype === "U8") {
    const table = float8Table("e8m0");
    return Float32Array.from(bytes, (byte) => table[byte]);
  }
  return floatValues(bytes, requireFloatType({ dtype, ...head }));
}

/**
 *     codes [N, K]   scale [] or [1], [N] or [N, 1], [ceil(N / rows), ceil(K / columns)]
 *
 * Shapes decide; where sizes of several blocks have the same number of them, the declared does, else 128.
 */
function readShapes(module: string, { codes, scale }: Float8Tensors<TensorHead>, block: DeclaredBlock): Float8Shapes {
  requireTensor(module, codes, [...float8Types.keys()], 2);
  requireTensor(module, scale, [...scaleTypes, "F8_E8M0", "U8"], scale.shape.length);
  const type = float8Types.get(codes.dtype);
  if (type === undefined) throw new UnsupportedError(`${quote(module)}: ${codes.dtype} is no 8-bit float`);
  const [outFeatures, inFeatures] = codes.shape;
  const [rows = 1, columns = 1, ...more] = scale.shape;
  const scaleRows = blockSize(outFeatures, rows, block.rows);
  const groupSize = blockSize(inFeatures, columns, block.columns);
  if (more.length > 0 || scaleRows === undefined || groupSize === undefined) {
    throw new FormatError(
      `${quote(module)}: weight ${shapeText(codes)}, its scale ${shapeText(scale)}: scales of the whole, of outputs, or of blocks are read`,
    );
  }
  return { inFeatures, outFeatures, type, scaleRows, groupSize };
}

function blockSize(size: number, blocks: number, declared: number | undefined): number | undefined {
  if (blocks < 1 || size < 1) return undefined;
  const declaredGroups = [declared, 128].flatMap((groupSize) => (groupSize === undefined ? [] : [{ groupSize }]));
  return findGroupSize({ inFeatures: size, groups: blocks }, { declaredGroups });
}
