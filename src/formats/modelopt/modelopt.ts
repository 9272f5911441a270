import { RequestError, UnsupportedError } from "../../util/errors.ts";
import { isJsonObject } from "../../util/json.ts";
import { quote } from "../../util/quote.ts";
import { ConfigFields } from "../config-fields.ts";
import { decodeFloat8, describeFloat8, type Float8Tensors } from "../float8-weight.ts";
import { decodeFp4, describeFp4, type Fp4Tensors } from "../fp4-weight.ts";
import { requirePiece } from "../tensor-checks.ts";
import type { Evidence, FormatOverrides, Pieces, TensorHead, WeightFormat } from "../weight-format.ts";

const mark = ".weight_scale";

/** Scales of activations, keys and values: what they are for is computed here in other types. */
const activationScales = /\.(k_scale|v_scale|input_scale|(k|v)_proj\.output_scale)$/;

/**
 * NVIDIA's ModelOpt: FP8 of one scale a tensor, w = X.weight * X.weight_scale; or NVFP4, w = e2m1(code) * (X.weight_scale * X.weight_scale_2)
 * with a scale for every 16 inputs. Tensors tell which. Source: NVIDIA/Model-Optimizer, modelopt/torch/quantization/qtensor.
 */
export const modelopt: WeightFormat<{ readonly notes: readonly string[] }> = {
  name: "modelopt",
  title: "ModelOpt",
  recognise,
  markedModule: (tensor) => (tensor.endsWith(mark) ? tensor.slice(0, -mark.length) : undefined),
  pieceNames: (module) => ["weight", "weight_scale", "weight_scale_2"].map((name) => `${module}.${name}`),
  isBookkeeping: (tensor) => activationScales.test(tensor),
  notes: ({ notes }) => notes,

  describe(module, pieces) {
    const tensors = tensorsOf(module, pieces);
    return "globalScale" in tensors ? describeFp4(module, tensors) : describeFloat8(module, tensors);
  },

  decode(module, pieces) {
    const tensors = tensorsOf(module, pieces);
    return "globalScale" in tensors ? decodeFp4(module, tensors) : decodeFloat8(module, tensors);
  },
};

const algorithms: readonly string[] = ["FP8", "NVFP4"];

function recognise({ declared, label }: Evidence, { checkpointFormat }: FormatOverrides) {
  const fields = new ConfigFields(declared ?? {}, label);
  const nested = fields.get("quantization"); // hf_quant_config.json has it all there
  const inner = new ConfigFields(isJsonObject(nested) ? nested : {}, label);
  const algorithm = fields.string("quant_algo") ?? inner.string("quant_algo");
  const method = fields.string("quant_method")?.toLowerCase() ?? (algorithm === undefined ? undefined : "modelopt");
  if (method?.startsWith("modelopt") !== true) return undefined;
  if (checkpointFormat !== undefined)
    throw new RequestError(
      `${label}: ModelOpt has no variants to choose; ask for none, not ${quote(checkpointFormat)}`,
    );
  if (algorithm === undefined || !algorithms.includes(algorithm.toUpperCase()))
    throw new UnsupportedError(
      `${label}: ModelOpt quantized by ${quote(algorithm ?? "nothing that it names")}; ${algorithms.join(" and ")} can be read`,
    );
  const asked = `asks for quantized activations (${algorithm}); they are computed in the engine's own (--cpu-activations)`;
  return { notes: [asked] };
}

type Fp4WithGlobalScale<Tensor extends TensorHead> = Fp4Tensors<Tensor> &
  Required<Pick<Fp4Tensors<Tensor>, "globalScale">>;

function tensorsOf<Tensor extends TensorHead>(
  module: string,
  pieces: Pieces<Tensor>,
): Float8Tensors<Tensor> | Fp4WithGlobalScale<Tensor> {
  const codes = requirePiece(module, "weight", pieces, "ModelOpt");
  const scale = requirePiece(module, "weight_scale", pieces, "ModelOpt");
  if (codes.dtype !== "U8") return { codes, scale };
  const tensor = requirePiece(module, "weight_scale_2", pieces, "NVFP4");
  return { codes, scale, globalScale: { tensor, use: "multiplies" } };
}
