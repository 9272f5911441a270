import { FormatError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { decodeFloat8, describeFloat8, type Float8Tensors } from "../float8-weight.ts";
import { requirePiece } from "../tensor-checks.ts";
import type { Pieces, TensorHead, WeightFormat } from "../weight-format.ts";
import { parseFp8Config, type Fp8Config } from "./parse-config.ts";

const scaleNames = ["weight_scale_inv", "weight_scale"] as const;

/** Scales of activations, keys and values: what they are for is computed here in other types. */
const activationScales = /\.(k_scale|v_scale|q_scale|activation_scale|(input|output)_scale(_ub)?)$/;

/**
 * FP8 as DeepSeek, Qwen and AutoFP8 publish it: w[n][k] = X.weight[n][k] * X.weight_scale, of the tensor, the output or the block of 128 × 128.
 * `weight_scale_inv` is called so for being the inverse of what quantizing multiplied by: it multiplies too, but in GPTQModel's files, whose
 * config says `weight_scale_semantics: "inverse"`, it divides.
 */
export const fp8: WeightFormat<Fp8Config> = {
  name: "fp8",
  title: "FP8",
  recognise: parseFp8Config,
  markedModule(tensor) {
    const mark = scaleNames.find((name) => tensor.endsWith(`.${name}`));
    return mark && tensor.slice(0, -mark.length - 1);
  },
  pieceNames: (module) => ["weight", ...scaleNames].map((name) => `${module}.${name}`),
  isBookkeeping: (tensor) => activationScales.test(tensor),
  notes: ({ notes }) => notes,
  describe: (module, pieces, { block }) => describeFloat8(module, tensorsOf(module, pieces), block),
  decode: (module, pieces, { block, inverseScales }) =>
    decodeFloat8(module, tensorsOf(module, pieces), block, inverseScales),
};

function tensorsOf<Tensor extends TensorHead>(module: string, pieces: Pieces<Tensor>): Float8Tensors<Tensor> {
  const scales = scaleNames.flatMap((name) => pieces.get(`${module}.${name}`) ?? []);
  if (scales.length !== 1) {
    throw new FormatError(`${quote(module)}: has both ${scaleNames.join(" and ")}; one scale is expected`);
  }
  return { codes: requirePiece(module, "weight", pieces, "FP8"), scale: scales[0] };
}
