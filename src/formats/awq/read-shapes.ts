import { FormatError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { requireFloatType } from "../float-type.ts";
import { findGroupSize } from "../group-size.ts";
import { requirePiece, requireTensor, scaleTypes, shapeText, wordTypes } from "../tensor-checks.ts";
import type { Pieces, TensorHead } from "../weight-format.ts";
import type { AwqConfig, AwqPacking } from "./parse-config.ts";
import type { FloatType } from "../../weights/packed-weight.ts";

/** The tensors of a packed module X, by what follows "X." in their names. */
export interface AwqTensors<Tensor extends TensorHead> {
  readonly qweight: Tensor;
  readonly scales: Tensor;
  /** In gemv_fast `-scale * zero` in floats, which llm-awq calls `scaled_zeros`. */
  readonly qzeros: Tensor | undefined;
}

/** What the shapes of a module say, once they agree. */
export interface AwqShapes {
  readonly packing: AwqPacking;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly groups: number;
  readonly groupSize: number;
  readonly scaleType: FloatType;
}

export function awqTensors<Tensor extends TensorHead>(module: string, pieces: Pieces<Tensor>): AwqTensors<Tensor> {
  return {
    qweight: requirePiece(module, "qweight", pieces, "AWQ"),
    scales: requirePiece(module, "scales", pieces, "AWQ"),
    qzeros: pieces.get(`${module}.qzeros`) ?? pieces.get(`${module}.scaled_zeros`),
  };
}

/** Codes in a word of 32 bit. */
const inWord = 8;

/**
 * Tells the packing by the shapes, with Z words of zero points for the G groups of an output:
 *
 *     gemm       qweight [K, N / 8]          qzeros [G, N / 8]   scales [G, N]
 *     gemv       qweight [N, K / 8]          qzeros [N, Z]       scales [N, 8Z]
 *     gemv_fast  qweight int16 [N / 4, K]    qzeros [8Z, N]      scales [8Z, N]
 *     marlin     qweight [K / 16, 2N]                            scales [G, N]
 *
 * Throws FormatError where they fit none, or contradict each other.
 */
export function readAwqShapes(module: string, tensors: AwqTensors<TensorHead>, config: AwqConfig): AwqShapes {
  const { qweight, scales, qzeros } = tensors;
  requireTensor(module, qweight, [...wordTypes, "I16"], 2);
  requireTensor(module, scales, scaleTypes, 2);
  const fail = (problem: string): never => {
    const zeros = qzeros ? `, qzeros ${shapeText(qzeros)}` : "";
    throw new FormatError(
      `${quote(module)}: qweight ${qweight.dtype} ${shapeText(qweight)}, scales ${shapeText(scales)}${zeros}: ${problem}`,
    );
  };
  const [rows, columns] = qweight.shape;
  const [scaleRows, scaleColumns] = scales.shape;
  const scaleType = requireFloatType(scales);

  const packing = findPacking(tensors, config) ?? fail("these are the shapes of no packing of AWQ");
  const requireZeros = (dtypes: readonly string[], ...shape: readonly number[]): void => {
    if (qzeros === undefined) {
      if (config.zeroPoints !== false)
        fail(`there are no qzeros, and ${config.label} does not declare "zero_point": false`);
      return;
    }
    requireTensor(module, qzeros, dtypes, 2);
    if (qzeros.shape.some((size, i) => size !== shape[i])) fail(`qzeros must be [${shape.join(", ")}]`);
  };
  const shapes = (
    inFeatures: number,
    outFeatures: number,
    groups: number,
    groupSize = inFeatures / groups,
  ): AwqShapes => {
    if (inFeatures < 1 || outFeatures < 1 || groups < 1) fail("there is nothing in it");
    if (!Number.isInteger(groupSize)) fail(`${inFeatures} input features do not divide into ${groups} groups`);
    return { packing, inFeatures, outFeatures, groups, groupSize, scaleType };
  };
  switch (packing) {
    case "gemm":
      requireZeros(wordTypes, scaleRows, columns);
      return shapes(rows, scaleColumns, scaleRows, findGroupSize({ inFeatures: rows, groups: scaleRows }, config));
    case "gemv": {
      const groupSize = paddedGroupSize(inWord * columns, scaleColumns, config) ?? fail("the group size is not known");
      requireZeros(wordTypes, rows, scaleColumns / inWord);
      return shapes(inWord * columns, rows, (inWord * columns) / groupSize, groupSize);
    }
    case "gemv_fast": {
      const groupSize = paddedGroupSize(columns, scaleRows, config) ?? fail("the group size is not known");
      requireZeros(scaleTypes, scaleRows, scaleColumns);
      return shapes(columns, 4 * rows, columns / groupSize, groupSize);
    }
    case "marlin":
      if (qzeros !== undefined) fail("the marlin packing has no zero points");
      return shapes(16 * rows, scaleColumns, scaleRows);
  }
}

function findPacking({ qweight, scales, qzeros }: AwqTensors<TensorHead>, config: AwqConfig): AwqPacking | undefined {
  const [rows, columns] = qweight.shape;
  const [scaleRows, scaleColumns] = scales.shape;
  const isHalfword = qweight.dtype === "I16";
  const fits: Readonly<Record<AwqPacking, boolean>> = {
    gemm: !isHalfword && scaleColumns === inWord * columns,
    gemv: !isHalfword && scaleRows === rows && scaleColumns % inWord === 0,
    gemv_fast: isHalfword && scaleColumns === 4 * rows && scaleRows % inWord === 0,
    marlin: !isHalfword && columns === 2 * scaleColumns && qzeros === undefined,
  };
  const { packing = "gemm", packingForced } = config;
  if (fits[packing]) return packing;
  if (packingForced) return undefined;
  return (Object.keys(fits) as AwqPacking[]).find((candidate) => fits[candidate]);
}

/**
 * The group size g for which the words of K / g zero points, padded, hold `padded` of them: gemv pads to a multiple of 1 word with
 * groups of at least 128, of 2 with 64 and of 4 with 32 (AutoAWQ 0.2.9, awq/modules/linear/gemv.py, `calculate_zeros_width`).
 */
function paddedGroupSize(inFeatures: number, padded: number, { declaredGroups }: AwqConfig): number | undefined {
  const declared = declaredGroups.map(({ groupSize }) => (groupSize === -1 ? inFeatures : groupSize));
  return [...declared, 128, 64, 32].find((groupSize) => {
    if (groupSize === undefined || inFeatures % groupSize !== 0) return false;
    const multiple = groupSize >= 128 ? 1 : groupSize === 64 ? 2 : 4;
    return padded === inWord * multiple * Math.ceil(Math.ceil(inFeatures / groupSize / inWord) / multiple);
  });
}
