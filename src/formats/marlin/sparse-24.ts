import { asUint16, asUint32, bytesOf } from "../../util/bytes.ts";
import { FormatError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { checkWeight } from "../../weights/check-weight.ts";
import { floatBytes, type FloatType, type Sparse24Weight } from "../../weights/packed-weight.ts";
import { requireFloatType } from "../float-type.ts";
import { requireTensor, scaleTypes, shapeText, wordTypes } from "../tensor-checks.ts";
import type { TensorData, TensorHead, WeightOutline } from "../weight-format.ts";

/** The tensors of a 2:4 Marlin module, whatever they are called. */
export interface Sparse24Tensors<Tensor extends TensorHead> {
  readonly codes: Tensor;
  readonly positions: Tensor;
  readonly scales: Tensor;
}

interface Sparse24Shapes {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly bits: 4 | 8;
  readonly groups: number;
  readonly groupSize: number;
  readonly scaleType: FloatType;
}

/** Throws FormatError where shapes contradict each other, UnsupportedError for element types. */
export function describeSparse24(module: string, tensors: Sparse24Tensors<TensorHead>): WeightOutline {
  const { inFeatures, outFeatures, bits, groupSize } = readShapes(module, tensors);
  return { scheme: "sparse-24", inFeatures, outFeatures, bits, groupSize };
}

/**
 * `areGrouped` tells whether scales of several groups are in the order of Marlin's lanes: tools differ where there are two. Throws as
 * describeSparse24. What the positions hold is not looked at: see checkPositions.
 */
export function decodeSparse24(
  module: string,
  tensors: Sparse24Tensors<TensorData>,
  areGrouped: (groups: number) => boolean,
): Sparse24Weight {
  const { inFeatures, outFeatures, bits, groups, groupSize, scaleType } = readShapes(module, tensors);
  const weight: Sparse24Weight = {
    scheme: "sparse-24",
    inFeatures,
    outFeatures,
    bits,
    groupSize,
    codes: tensors.codes.bytes,
    positions: tensors.positions.bytes,
    scales: areGrouped(groups) ? inColumnOrder(tensors.scales.bytes, scaleType) : tensors.scales.bytes,
    scaleType,
  };
  checkWeight(weight, quote(module));
  return weight;
}

/** codes [K / 32, N * b / 2]   positions, halfwords, [K / 32, 2N]   scales [G, N] */
function readShapes(module: string, { codes, positions, scales }: Sparse24Tensors<TensorHead>): Sparse24Shapes {
  requireTensor(module, codes, wordTypes, 2);
  requireTensor(module, positions, ["I16", "U16"], 2);
  requireTensor(module, scales, scaleTypes, 2);
  const [rows, columns] = codes.shape;
  const [groups, outFeatures] = scales.shape;
  const fail = (problem: string): never => {
    const shapes = [codes, positions, scales].map(shapeText).join(", ");
    throw new FormatError(`${quote(module)}: codes, positions and scales ${shapes}: ${problem}`);
  };
  if (rows < 1 || groups < 1 || outFeatures < 1) fail("there is nothing in it");
  const bits = (2 * columns) / outFeatures;
  if (bits !== 4 && bits !== 8) return fail(`these amount to ${bits} bit; 4 and 8 exist`);
  if (positions.shape[0] !== rows || positions.shape[1] !== 2 * outFeatures) fail("these do not match");
  const inFeatures = 32 * rows;
  const groupSize = inFeatures / groups;
  if (!Number.isInteger(groupSize)) fail(`${inFeatures} input features do not divide into ${groups} groups`);
  if (outFeatures % 64 !== 0) fail("a tile has 64 outputs");
  return { inFeatures, outFeatures, bits, groups, groupSize, scaleType: requireFloatType(scales) };
}

/** In every 8 columns, position p holds column [0, 4, 1, 5, 2, 6, 3, 7][p]. */
function inColumnOrder(bytes: Uint8Array, type: FloatType): Uint8Array {
  const stored = floatBytes[type] === 4 ? asUint32(bytes) : asUint16(bytes);
  return bytesOf(stored.map((_, c) => stored[(c & ~7) + 2 * (c & 3) + ((c & 7) >> 2)]));
}
