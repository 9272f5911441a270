import { asInt32 } from "../../util/bytes.ts";
import { FormatError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import type { Warn } from "../../util/warn-once.ts";
import { checkWeight } from "../../weights/check-weight.ts";
import { floatBytes, type AffineZeroWeight } from "../../weights/packed-weight.ts";
import { normalizeGroups, rowOrderOf } from "../row-order.ts";
import { decodeFp4, describeFp4, type Fp4Tensors } from "../fp4-weight.ts";
import { decodeFloat8, describeFloat8, isFloat8, type DeclaredBlock, type Float8Tensors } from "../float8-weight.ts";
import { decodeSparse24, describeSparse24, type Sparse24Tensors } from "../marlin/sparse-24.ts";
import { requirePiece, requireTensor } from "../tensor-checks.ts";
import { transposeFloats } from "../transpose.ts";
import type { Pieces, TensorData, TensorHead, WeightFormat } from "../weight-format.ts";
import { declaredScheme, parseCompressedTensorsConfig, type CompressedTensorsConfig } from "./parse-config.ts";
import { compressedTensors, readCompressedShapes, type CompressedShapes } from "./read-shapes.ts";
import { readCompressedZeros } from "./read-zeros.ts";

const marks = [".weight_packed", ".weight_scale", ".scale_packed"] as const;
const pieces = [
  "weight_packed",
  "weight",
  "weight_scale",
  "weight_global_scale",
  "weight_zero_point",
  "weight_shape",
  "weight_g_idx",
  "meta",
  "scale_packed",
] as const;

/** Scales of activations, keys and values: what they are for is computed here in other types. */
const activationScales = /\.(k_scale|v_scale|q_scale|(input|output|k|v|q)_(scale|zero_point|global_scale|g_idx))$/;

/**
 * compressed-tensors. With integers: w[n][k] = (q[n][k] - z[n][g]) * weight_scale[n][g], with codes packed into words (pack-quantized) or
 * one a byte (int-quantized); or 2:4 Marlin (marlin-24). Signs cancel: codes and zero points are both stored with 2^(b-1) added, or both
 * without. Layout: compressed-tensors 0.20.0, compressors/pack_quantized, `pack_to_int32`.
 * With floats the dtypes of the tensors tell what they are: 8-bit floats (float8-weight.ts) and FP4 (fp4-weight.ts).
 */
export const compressedTensorsFormat: WeightFormat<CompressedTensorsConfig> = {
  name: "compressed-tensors",
  title: "compressed-tensors",
  recognise: parseCompressedTensorsConfig,
  markedModule(tensor) {
    const mark = marks.find((ending) => tensor.endsWith(ending));
    return mark && tensor.slice(0, -mark.length);
  },
  pieceNames: (module) => pieces.map((name) => `${module}.${name}`),
  isBookkeeping: (tensor) => activationScales.test(tensor),
  notes: ({ notes }) => notes,

  describe(module, found, config) {
    const sparse = sparse24Tensors(module, found);
    if (sparse) return describeSparse24(module, sparse);
    const float8 = float8Tensors(module, found);
    if (float8) return describeFloat8(module, float8, declaredBlock(module, config));
    const fp4 = fp4Tensors(module, found);
    if (fp4) return describeFp4(module, fp4);
    const shapes = readCompressedShapes(module, compressedTensors(module, found), config);
    const { inFeatures, outFeatures, bits, groupSize } = shapes;
    return { scheme: "affine-zero", inFeatures, outFeatures, bits, groupSize };
  },

  decode(module, found, config, warn) {
    const sparse = sparse24Tensors(module, found);
    // This writer holds the group size against half the inputs, those kept, so that two groups count as one.
    if (sparse) return decodeSparse24(module, sparse, (groups) => groups > 2);
    const float8 = float8Tensors(module, found);
    if (float8) return decodeFloat8(module, float8, declaredBlock(module, config));
    const fp4 = fp4Tensors(module, found);
    if (fp4) return decodeFp4(module, fp4);
    const tensors = compressedTensors(module, found);
    const { codes, scale, zeroPoint, shape, gIdx } = tensors;
    const shapes = readCompressedShapes(module, tensors, config, shape && readInFeatures(module, shape, codes));
    warnOfOtherScheme(shapes, config, warn);
    const { inFeatures, outFeatures, bits, order, groups, groupSize, scaleType } = shapes;
    const zeros = zeroPoint && readCompressedZeros(module, zeroPoint, shapes);
    const rowOrder = gIdx && readRowOrder(module, gIdx, shapes);
    const weight: AffineZeroWeight = {
      scheme: "affine-zero",
      inFeatures,
      outFeatures,
      bits,
      groupSize,
      codes: codes.bytes,
      order,
      scales: readScales(scale, shapes),
      scaleType,
      ...(zeros && { zeros }),
      ...(rowOrder && { rowOrder }),
    };
    checkWeight(weight, `${quote(module)} in ${groups} groups`);
    return weight;
  },
};

/** Of the format marlin-24; undefined: the module is of another. */
function sparse24Tensors<Tensor extends TensorHead>(
  module: string,
  found: Pieces<Tensor>,
): Sparse24Tensors<Tensor> | undefined {
  const scales = found.get(`${module}.scale_packed`);
  if (scales === undefined) return undefined;
  return {
    codes: requirePiece(module, "weight_packed", found, "marlin-24"),
    positions: requirePiece(module, "meta", found, "marlin-24"),
    scales,
  };
}

/** Undefined: the module's weight is no tensor of 8-bit floats. */
function float8Tensors<Tensor extends TensorHead>(
  module: string,
  found: Pieces<Tensor>,
): Float8Tensors<Tensor> | undefined {
  const codes = found.get(`${module}.weight`);
  if (codes === undefined || !isFloat8(codes)) return undefined;
  return { codes, scale: requirePiece(module, "weight_scale", found, "float-quantized") };
}

/** Undefined: the module's packed weight is no tensor of bytes, as only FP4 has it. */
function fp4Tensors<Tensor extends TensorHead>(module: string, found: Pieces<Tensor>): Fp4Tensors<Tensor> | undefined {
  const codes = found.get(`${module}.weight_packed`);
  if (codes?.dtype !== "U8") return undefined;
  const tensor = found.get(`${module}.weight_global_scale`);
  return {
    codes,
    scale: requirePiece(module, "weight_scale", found, "FP4"),
    globalScale: tensor && { tensor, use: "divides" },
  };
}

function declaredBlock(module: string, config: CompressedTensorsConfig): DeclaredBlock {
  const { block, groupSize } = declaredScheme(module, config) ?? {};
  return block ?? (groupSize !== undefined && groupSize > 0 ? { columns: groupSize } : {});
}

/** The second number of `weight_shape`; the first must be the rows of the codes. */
function readInFeatures(module: string, shape: TensorData, { shape: [rows] }: TensorData): number {
  requireTensor(module, shape, ["I64", "I32"], 1);
  const width = shape.dtype === "I64" ? 8 : 4;
  if (shape.bytes.length !== 2 * width) {
    throw new FormatError(
      `${quote(module)}: weight_shape must be [out, in], has ${shape.bytes.length / width} numbers`,
    );
  }
  const view = new DataView(shape.bytes.buffer, shape.bytes.byteOffset, shape.bytes.byteLength);
  const [outFeatures, inFeatures] = [0, width].map((at) =>
    width === 8 ? Number(view.getBigInt64(at, true)) : view.getInt32(at, true),
  );
  if (outFeatures !== rows || !Number.isSafeInteger(inFeatures) || inFeatures < 1) {
    throw new FormatError(
      `${quote(module)}: weight_shape holds [${outFeatures}, ${inFeatures}]; the codes have ${rows} rows`,
    );
  }
  return inFeatures;
}

/** [groups][outFeatures], from [outFeatures][groups] or one for all. */
function readScales(scale: TensorData, { outFeatures, groups, scaleType }: CompressedShapes): Uint8Array {
  const width = floatBytes[scaleType];
  if (scale.bytes.length === width && outFeatures > 1) {
    const scales = new Uint8Array(outFeatures * width);
    for (let n = 0; n < outFeatures; n++) scales.set(scale.bytes, n * width);
    return scales;
  }
  return transposeFloats(scale.bytes, scaleType, { rows: outFeatures, columns: groups });
}

/** Of actorder "group"; a g_idx of -1 throughout was never set, and stands for groups in order. */
function readRowOrder(
  module: string,
  gIdx: TensorData,
  { groups, groupSize }: CompressedShapes,
): Uint32Array | undefined {
  const stored = asInt32(gIdx.bytes);
  const groupOf = stored.every((group) => group === -1) ? undefined : normalizeGroups(module, stored, groups);
  return groupOf && rowOrderOf(module, groupOf, groups, groupSize);
}

function warnOfOtherScheme(
  { asDeclared, bits, groupSize }: CompressedShapes,
  config: CompressedTensorsConfig,
  warn: Warn,
): void {
  if (asDeclared) return;
  warn(
    `${config.label}: modules have ${bits} bit in groups of ${groupSize}, which "config_groups" does not declare for them; ` +
      "read as their shapes say",
  );
}
