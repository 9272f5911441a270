import { FormatError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { affineBits, type AffineBits, type CodeOrder, type FloatType } from "../../weights/packed-weight.ts";
import { requireFloatType } from "../float-type.ts";
import { findGroupSize, type DeclaredGroups } from "../group-size.ts";
import { requirePiece, requireTensor, scaleTypes, shapeText, wordTypes } from "../tensor-checks.ts";
import type { Pieces, TensorHead } from "../weight-format.ts";
import { declaredScheme, type CompressedTensorsConfig } from "./parse-config.ts";

/** The tensors of a quantized module X, by what follows "X." in their names. */
export interface CompressedTensors<Tensor extends TensorHead> {
  /** `weight_packed`, or a `weight` of one byte each. */
  readonly codes: Tensor;
  readonly isPacked: boolean;
  readonly scale: Tensor;
  readonly zeroPoint: Tensor | undefined;
  /** Holds [outFeatures, inFeatures]: the words of a row may have room for more. */
  readonly shape: Tensor | undefined;
  readonly gIdx: Tensor | undefined;
}

/** What the shapes of a module say, once they agree. */
export interface CompressedShapes {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly bits: AffineBits;
  readonly order: CodeOrder;
  readonly groups: number;
  readonly groupSize: number;
  readonly scaleType: FloatType;
  /** False: the config declares other bits or groups for the module. */
  readonly asDeclared: boolean;
}

const format = "compressed-tensors";

export function compressedTensors<Tensor extends TensorHead>(
  module: string,
  pieces: Pieces<Tensor>,
): CompressedTensors<Tensor> {
  const packed = pieces.get(`${module}.weight_packed`);
  return {
    codes: packed ?? requirePiece(module, "weight", pieces, format),
    isPacked: packed !== undefined,
    scale: requirePiece(module, "weight_scale", pieces, format),
    zeroPoint: pieces.get(`${module}.weight_zero_point`),
    shape: pieces.get(`${module}.weight_shape`),
    gIdx: pieces.get(`${module}.weight_g_idx`),
  };
}

/**
 * Tells a module's sizes by its shapes, and what these leave open by the config:
 *
 *     weight_packed [N, words of K codes]   weight_scale [N, G], [N] or [1]   weight_g_idx [K]
 *     weight        [N, K] bytes
 *
 * K is what `weight_shape` holds, where that has been read (`knownInFeatures`); else it is told by g_idx or the groups, at the worst to
 * the end of the last word. Throws FormatError where shapes contradict each other, UnsupportedError for element types.
 */
export function readCompressedShapes(
  module: string,
  tensors: CompressedTensors<TensorHead>,
  config: CompressedTensorsConfig,
  knownInFeatures?: number,
): CompressedShapes {
  const { codes, isPacked, scale, gIdx } = tensors;
  const fail = (problem: string): never => {
    throw new FormatError(
      `${quote(module)}: ${isPacked ? "weight_packed" : "weight"} ${shapeText(codes)}, weight_scale ${shapeText(scale)}: ${problem}`,
    );
  };
  requireTensor(module, codes, isPacked ? wordTypes : ["I8"], 2);
  requireTensor(module, scale, scaleTypes, scale.shape.length);
  if (gIdx) requireTensor(module, gIdx, wordTypes, 1);
  const [outFeatures, columns] = codes.shape;
  if (outFeatures < 1 || columns < 1) fail("there is nothing in it");
  const groups =
    groupsOf(scale, outFeatures) ?? fail(`scales of ${outFeatures} outputs, of their groups, or one are read`);
  const declared = declaredScheme(module, config);
  const room = knownInFeatures ?? gIdx?.shape[0];
  if (room !== undefined && (gIdx?.shape[0] ?? room) !== room) fail(`weight_g_idx must have ${room} entries`);
  const common = { outFeatures, groups, scaleType: requireFloatType(scale) };

  if (!isPacked) {
    const groupSize = groupSizeOf(columns, groups, declared, config) ?? fail("no group size fits");
    return { ...common, inFeatures: columns, bits: 8, order: "byte-rows", groupSize, asDeclared: true };
  }
  const all: readonly DeclaredGroups[] = [...(declared ? [declared] : []), ...config.schemes];
  // Undeclared widths can be told only where it is known how many codes there are.
  const others = room === undefined ? [] : affineBits.map((bits): DeclaredGroups => ({ bits }));
  for (const candidate of [...all, ...others]) {
    const bits = affineBits.find((known) => known === candidate.bits);
    if (bits === undefined) continue;
    const inFeatures = room ?? inFeaturesOf(bits, columns, groups, candidate);
    const order = orderOf(bits, columns, inFeatures);
    const groupSize = groupSizeOf(inFeatures, groups, candidate, config);
    if (order === undefined || groupSize === undefined) continue;
    const size = candidate.groupSize === -1 ? inFeatures : (candidate.groupSize ?? groupSize);
    const asDeclared = candidate === declared && Math.min(size, inFeatures) === groupSize;
    return { ...common, inFeatures, bits, order, groupSize, asDeclared };
  }
  return fail(`no width that ${config.label} declares fits`);
}

/** Groups of each output; a scale of the whole tensor is one group. Undefined: the shape is none that scales have. */
function groupsOf({ shape }: TensorHead, outFeatures: number): number | undefined {
  const [rows = 1, groups = 1, ...more] = shape;
  if (more.length > 0 || groups < 1) return undefined;
  return rows === outFeatures ? groups : rows === 1 && groups === 1 ? 1 : undefined;
}

/** As many as the groups say, where the words hold that many; else as many as the words hold. */
function inFeaturesOf(bits: AffineBits, columns: number, groups: number, { groupSize }: DeclaredGroups): number {
  const inGroups = groups * (groupSize ?? 0);
  if (groups > 1 && inGroups > 0 && orderOf(bits, columns, inGroups) !== undefined) return inGroups;
  return Math.floor((32 * columns) / bits);
}

function groupSizeOf(
  inFeatures: number,
  groups: number,
  declared: DeclaredGroups | undefined,
  { schemes }: CompressedTensorsConfig,
): number | undefined {
  return findGroupSize({ inFeatures, groups }, { declaredGroups: [...(declared ? [declared] : []), ...schemes] });
}

/**
 * How codes that cross no word and those that do fill the columns. Of 3, 5, 6 and 7 bits, versions before mid 2026 put only whole codes
 * into a word; where both would take as many words, the later way is assumed.
 */
function orderOf(bits: AffineBits, columns: number, inFeatures: number): CodeOrder | undefined {
  if (columns === Math.ceil((inFeatures * bits) / 32)) return "lsb-rows";
  if (columns === Math.ceil(inFeatures / Math.floor(32 / bits))) return "word-rows";
  return undefined;
}
