import { FormatError, RequestError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { checkWeight } from "../../weights/check-weight.ts";
import type { AffineBits, AffineZeroWeight, FloatType } from "../../weights/packed-weight.ts";
import { requireFloatType } from "../float-type.ts";
import { requirePiece, requireTensor, scaleTypes, shapeText, wordTypes } from "../tensor-checks.ts";
import type { Pieces, TensorHead, WeightFormat } from "../weight-format.ts";
import { readMarlinScales } from "./read-scales.ts";

const mark = ".B";

/** There is nothing to declare that the shapes do not tell. */
type MarlinConfig = Readonly<Record<never, never>>;

/**
 * Marlin: 4 bits symmetric, codes in the order of a tensor core's operands; 8 bits as vLLM repacks them.
 *
 *     B [K / 16, N * b / 2]   s [G, N]
 *
 * Such files say that they are GPTQ, in one of three ways; it is the tensors that nothing else has. Layout: IST-DASLab/marlin,
 * marlin/__init__.py, `Layer.pack`; AutoGPTQ 0.7.1, auto_gptq/nn_modules/qlinear/qlinear_marlin.py.
 */
export const marlin: WeightFormat<MarlinConfig> = {
  name: "marlin",
  title: "Marlin",
  markedModule: (tensor) => (tensor.endsWith(mark) ? tensor.slice(0, -mark.length) : undefined),
  pieceNames: (module) => [`${module}.B`, `${module}.s`],
  isBookkeeping: (tensor) => tensor.endsWith(".workspace"), // a kernel's locks

  recognise({ tensors, label }, { checkpointFormat }) {
    let isMarlin = false;
    for (const name of tensors.keys()) {
      if (name.endsWith(mark) && tensors.has(`${name.slice(0, -mark.length)}.s`)) isMarlin = true;
      if (isMarlin) break;
    }
    if (!isMarlin) return undefined;
    if (checkpointFormat === undefined || checkpointFormat === "marlin") return {};
    throw new RequestError(
      `${label}: holds Marlin tensors, which have no variants; ask for no checkpoint format, not ${quote(checkpointFormat)}`,
    );
  },

  describe(module, pieces) {
    const { inFeatures, outFeatures, bits, groupSize } = readShapes(module, pieces);
    return { scheme: "affine-zero", inFeatures, outFeatures, bits, groupSize };
  },

  decode(module, pieces) {
    const { inFeatures, outFeatures, bits, groups, groupSize, scaleType } = readShapes(module, pieces);
    const scales = requirePiece(module, "s", pieces, "Marlin");
    const weight: AffineZeroWeight = {
      scheme: "affine-zero",
      inFeatures,
      outFeatures,
      bits,
      groupSize,
      codes: requirePiece(module, "B", pieces, "Marlin").bytes,
      order: "marlin",
      scales: readMarlinScales(scales.bytes, scaleType, groups, outFeatures),
      scaleType,
    };
    checkWeight(weight, quote(module));
    return weight;
  },
};

interface MarlinShapes {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly bits: AffineBits;
  readonly groups: number;
  readonly groupSize: number;
  readonly scaleType: FloatType;
}

function readShapes(module: string, pieces: Pieces<TensorHead>): MarlinShapes {
  const codes = requirePiece(module, "B", pieces, "Marlin");
  const scales = requirePiece(module, "s", pieces, "Marlin");
  requireTensor(module, codes, wordTypes, 2);
  requireTensor(module, scales, scaleTypes, 2);
  const [rows, columns] = codes.shape;
  const [groups, outFeatures] = scales.shape;
  const fail = (problem: string): never => {
    throw new FormatError(`${quote(module)}: B ${shapeText(codes)}, s ${shapeText(scales)}: ${problem}`);
  };
  if (rows < 1 || groups < 1 || outFeatures < 1) fail("there is nothing in it");
  const inFeatures = 16 * rows;
  const bits = (2 * columns) / outFeatures;
  if (bits !== 4 && bits !== 8) return fail(`these amount to ${bits} bit; 4 and 8 exist`);
  const groupSize = inFeatures / groups;
  if (!Number.isInteger(groupSize)) fail(`${inFeatures} input features do not divide into ${groups} groups`);
  if (outFeatures % 64 !== 0) fail("a tile has 64 outputs");
  return { inFeatures, outFeatures, bits, groups, groupSize, scaleType: requireFloatType(scales) };
}
