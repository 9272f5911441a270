import { asInt32 } from "../../util/bytes.ts";
import { FormatError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import type { Warn } from "../../util/warn-once.ts";
import { checkWeight } from "../../weights/check-weight.ts";
import type { AffineZeroWeight } from "../../weights/packed-weight.ts";
import { findGroupSize } from "../group-size.ts";
import { firstGroupLength, normalizeGroups, rowOrderOf } from "../row-order.ts";
import type { WeightFormat } from "../weight-format.ts";
import { parseGptqConfig, scalarNames, type GptqConfig } from "./parse-config.ts";
import { gptqTensors, readShapes, type GptqShapes } from "./read-shapes.ts";
import { readPlanarZeros, readZeros } from "./read-zeros.ts";

const mark = ".qweight";

/**
 * GPTQ v1 and v2, of 2, 3, 4 and 8 bit, and planar, of 2 to 8 bit: w[k][n] = scales[g_idx[k]][n] * (q[k][n] - z[g_idx[k]][n]).
 *
 * Codes lie along k, input features always in their original order: act-order makes g_idx jump, and nothing else. Below
 * it has become a row order. Layout: AutoGPTQ 0.7.1, auto_gptq/nn_modules/qlinear/qlinear_cuda_old.py, `pack`; v2 and the
 * arithmetic between the two: GPTQModel 7.7.0, gptqmodel/utils/model.py, `convert_gptq_v1_to_v2_format`.
 */
export const gptq: WeightFormat<GptqConfig> = {
  name: "gptq",
  title: "GPTQ",
  recognise: parseGptqConfig,
  markedModule: (tensor) => (tensor.endsWith(mark) ? tensor.slice(0, -mark.length) : undefined),
  pieceNames: (module) => [`${module}${mark}`, `${module}.qzeros`, `${module}.scales`, `${module}.g_idx`],
  isBookkeeping: (tensor) => scalarNames.has(tensor),

  describe(module, pieces, config) {
    const shapes = readShapes(module, gptqTensors(module, pieces), config);
    const { inFeatures, outFeatures, bits } = shapes;
    const groupSize = findGroupSize(shapes, config);
    return { scheme: "affine-zero", inFeatures, outFeatures, bits, ...(groupSize !== undefined && { groupSize }) };
  },

  decode(module, pieces, config, warn) {
    const tensors = gptqTensors(module, pieces);
    const shapes = readShapes(module, tensors, config);
    const { inFeatures, outFeatures, bits, groups, scaleType, isPlanar } = shapes;
    const groupOf = tensors.gIdx && normalizeGroups(module, asInt32(tensors.gIdx.bytes), groups);
    const groupSize = findGroupSize(shapes, config, groupOf && firstGroupLength(groupOf));
    if (groupSize === undefined) {
      throw new FormatError(
        `${quote(module)}: several group sizes fit ${inFeatures} input features in ${groups} groups; ` +
          `${config.label} must declare "group_size"`,
      );
    }
    warnOfOtherGroups(shapes, groupSize, config, warn);
    if (groups > 1 && groupOf === undefined) warnOfLostOrder(tensors.gIdx !== undefined, config, warn);
    const rowOrder = groupOf && rowOrderOf(module, groupOf, groups, groupSize);
    const zeros =
      tensors.qzeros &&
      (isPlanar
        ? readPlanarZeros(tensors.qzeros.bytes, shapes, config, warn)
        : readZeros(tensors.qzeros.bytes, bits, config, warn));
    const weight: AffineZeroWeight = {
      scheme: "affine-zero",
      inFeatures,
      outFeatures,
      bits,
      groupSize,
      codes: tensors.qweight.bytes,
      order: isPlanar ? "planar-k" : "lsb-k",
      scales: tensors.scales.bytes,
      scaleType,
      ...(zeros && { zeros }),
      ...(rowOrder && { rowOrder }),
    };
    checkWeight(weight, quote(module));
    return weight;
  },
};

/** Says the same of every module, so that it is said once. */
function warnOfLostOrder(hasGIdx: boolean, config: GptqConfig, warn: Warn): void {
  const { label, declaredActOrder, firstWithoutOrder } = config;
  if (!declaredActOrder) return;
  const found = hasGIdx
    ? "g_idx of a module is all zero"
    : `${quote(firstWithoutOrder ?? "a module")}, and maybe others, has no g_idx`;
  warn(
    `${label}: declares act-order (desc_act), but ${found}; read with its groups in order, ` +
      "which gives nonsense if the order was lost: compare the checkpoint with its source",
  );
}

function warnOfOtherGroups(shapes: GptqShapes, groupSize: number, config: GptqConfig, warn: Warn): void {
  const { bits, inFeatures } = shapes;
  const isDeclared = config.declaredGroups.some(
    (declared) =>
      (declared.bits ?? bits) === bits &&
      Math.min(declared.groupSize === -1 ? inFeatures : (declared.groupSize ?? groupSize), inFeatures) === groupSize,
  );
  if (isDeclared || config.declaredGroups.length === 0) return;
  const declared = config.declaredGroups[0];
  warn(
    `${config.label}: declares ${declared.bits ?? "?"} bit in groups of ${declared.groupSize ?? "?"}, ` +
      `but modules have ${bits} bit in groups of ${groupSize}; read as their shapes say`,
  );
}
