import { asInt32 } from "../../util/bytes.ts";
import { RequestError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { checkWeight } from "../../weights/check-weight.ts";
import type { MixedAffineWeight } from "../../weights/packed-weight.ts";
import { ConfigFields } from "../config-fields.ts";
import type { WeightFormat } from "../weight-format.ts";
import { readGroups } from "./read-groups.ts";
import { readRowOrder } from "./read-row-order.ts";
import { exl2Tensors, readShapes, type Exl2Config } from "./read-shapes.ts";

const mark = ".q_weight";

/**
 * EXL2, of 2, 3, 4, 5, 6 and 8 bit, mixed along k: rows in the order of an act-order, in groups that have a width and a scale of their own.
 * Older checkpoints declare nothing; the tensors are nothing else's. What the config
 * says, mean widths and calibration, decides nothing. Layout: exllamav2 0.3.2, exllamav2/conversion/adaptivegptq.py, `pack`.
 */
export const exl2: WeightFormat<Exl2Config> = {
  name: "exl2",
  title: "EXL2",
  markedModule: (tensor) => (tensor.endsWith(mark) ? tensor.slice(0, -mark.length) : undefined),
  pieceNames: (module) =>
    ["q_weight", "q_groups", "q_scale", "q_scale_max", "q_invperm", "q_perm"].map((name) => `${module}.${name}`),

  recognise({ declared, label, tensors }, { checkpointFormat }) {
    const isDeclared = new ConfigFields(declared ?? {}, label).string("quant_method")?.toLowerCase() === "exl2";
    if (!isDeclared && ![...tensors.keys()].some((name) => name.endsWith(mark))) return undefined;
    if (checkpointFormat === undefined || checkpointFormat === "exl2") return { tensors };
    throw new RequestError(
      `${label}: holds EXL2 tensors, which have no variants; ask for no checkpoint format, not ${quote(checkpointFormat)}`,
    );
  },

  describe(module, pieces, config) {
    const { inFeatures, outFeatures, bits } = readShapes(module, exl2Tensors(module, pieces), config);
    return { scheme: "affine-mixed", inFeatures, outFeatures, bits };
  },

  decode(module, pieces, config) {
    const tensors = exl2Tensors(module, pieces);
    const shapes = readShapes(module, tensors, config);
    const rowOrder = readRowOrder(module, asInt32(tensors.invperm.bytes), tensors.perm);
    const weight: MixedAffineWeight = {
      scheme: "affine-mixed",
      inFeatures: shapes.inFeatures,
      outFeatures: shapes.outFeatures,
      groups: readGroups(module, tensors.groups.bytes, shapes),
      columns: shapes.columns,
      codes: tensors.weight.bytes,
      scaleCodes: tensors.scale.bytes,
      scaleMaxima: tensors.scaleMax.bytes,
      ...(rowOrder && { rowOrder }),
    };
    checkWeight(weight, quote(module));
    return weight;
  },
};
