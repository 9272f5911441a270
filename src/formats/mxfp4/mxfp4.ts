import { RequestError, FormatError } from "../../util/errors.ts";
import { float8Table } from "../../util/float8.ts";
import { quote } from "../../util/quote.ts";
import { checkWeight } from "../../weights/check-weight.ts";
import { e2m1Table } from "../../weights/e2m1.ts";
import type { CodebookWeight } from "../../weights/packed-weight.ts";
import { requireTensor, shapeText } from "../tensor-checks.ts";
import type { Pieces, TensorHead, WeightFormat } from "../weight-format.ts";

const codesSuffix = "_blocks";
const scalesSuffix = "_scales";

/** Inputs that share a scale, and the bytes of their codes. */
const groupSize = 32;
const groupBytes = 16;

/**
 * MXFP4 as gpt-oss has it: w[n][k] = e2m1(code) * 2^(scale - 127), the even input in a byte's low nibble. A module is one expert's, or the
 * stack of all of them, whose rows follow one another: codes [experts][N][K / 32][16], scales [experts][N][K / 32].
 * Source: openai/gpt-oss, gpt_oss/torch/weights.py, `_get_mxfp4_tensor`.
 */
export const mxfp4: WeightFormat<Record<never, never>> = {
  name: "mxfp4",
  title: "MXFP4",

  recognise({ declared, label }, { checkpointFormat }) {
    if (declared?.quant_method !== "mxfp4") return undefined;
    if (checkpointFormat !== undefined)
      throw new RequestError(
        `${label}: MXFP4 has no variants; ask for no checkpoint format, not ${quote(checkpointFormat)}`,
      );
    return {};
  },

  markedModule: (tensor) => (tensor.endsWith(codesSuffix) ? tensor.slice(0, -codesSuffix.length) : undefined),
  pieceNames: (module) => [module + codesSuffix, module + scalesSuffix],
  describe: (module, pieces) => ({ scheme: "codebook", bits: 4, ...readShapes(module, tensorsOf(module, pieces)) }),

  decode(module, pieces) {
    const tensors = tensorsOf(module, pieces);
    const weight: CodebookWeight = {
      scheme: "codebook",
      ...readShapes(module, tensors),
      name: "e2m1",
      table: e2m1Table,
      codes: tensors.codes.bytes,
      evenNibble: "low",
      scales: tensors.scales.bytes,
      scaleTable: float8Table("e8m0"),
    };
    checkWeight(weight, quote(module));
    return weight;
  },
};

interface Mxfp4Tensors<Tensor extends TensorHead> {
  readonly codes: Tensor;
  readonly scales: Tensor;
}

function tensorsOf<Tensor extends TensorHead>(module: string, pieces: Pieces<Tensor>): Mxfp4Tensors<Tensor> {
  const [codes, scales] = [codesSuffix, scalesSuffix].map((suffix) => {
    const tensor = pieces.get(module + suffix);
    if (tensor === undefined) throw new FormatError(`the checkpoint has no tensor ${quote(module + suffix)}`);
    return tensor;
  });
  return { codes, scales };
}

function readShapes(
  module: string,
  { codes, scales }: Mxfp4Tensors<TensorHead>,
): Pick<CodebookWeight, "inFeatures" | "outFeatures" | "groupSize"> {
  const rank = codes.shape.length === 3 ? 3 : 4;
  requireTensor(module, codes, ["U8"], rank);
  requireTensor(module, scales, ["U8", "F8_E8M0"], rank - 1);
  const [rows, groups] = [codes.shape.slice(0, -2), codes.shape.slice(-2, -1)];
  if (codes.shape.at(-1) !== groupBytes || scales.shape.join() !== [...rows, ...groups].join())
    throw new FormatError(
      `${quote(module)}: blocks ${shapeText(codes)} and scales ${shapeText(scales)}; a scale goes with every ${groupBytes} bytes`,
    );
  const outFeatures = rows.reduce((product, count) => product * count, 1);
  return { outFeatures, inFeatures: groups[0] * groupSize, groupSize };
}
