import { quote } from "../../util/quote.ts";
import type { Warn } from "../../util/warn-once.ts";
import { checkWeight } from "../../weights/check-weight.ts";
import type { AffineZeroWeight, PackedZeros } from "../../weights/packed-weight.ts";
import { requireFloatType } from "../float-type.ts";
import { readMarlinScales } from "../marlin/read-scales.ts";
import { transposeFloats } from "../transpose.ts";
import type { TensorData, WeightFormat } from "../weight-format.ts";
import { parseAwqConfig, type AwqConfig } from "./parse-config.ts";
import { awqTensors, readAwqShapes, type AwqShapes, type AwqTensors } from "./read-shapes.ts";
import { readGemmZeros, readGemvZeros, readScaledZeros } from "./read-zeros.ts";

const mark = ".qweight";

/**
 * AWQ in 4 bits: w[k][n] = scales[g][n] * (q[k][n] - z[g][n]), groups in order, in one of four packings (read-shapes.ts). Layouts:
 * AutoAWQ 0.2.9, awq/modules/linear/{gemm,gemv,gemv_fast,marlin}.py.
 */
export const awq: WeightFormat<AwqConfig> = {
  name: "awq",
  title: "AWQ",
  recognise: parseAwqConfig,
  markedModule: (tensor) => (tensor.endsWith(mark) ? tensor.slice(0, -mark.length) : undefined),
  pieceNames: (module) => ["qweight", "qzeros", "scaled_zeros", "scales"].map((name) => `${module}.${name}`),

  describe(module, pieces, config) {
    const { inFeatures, outFeatures, groupSize } = readAwqShapes(module, awqTensors(module, pieces), config);
    return { scheme: "affine-zero", inFeatures, outFeatures, bits: 4, groupSize };
  },

  decode(module, pieces, config, warn) {
    const tensors = awqTensors(module, pieces);
    const shapes = readAwqShapes(module, tensors, config);
    warnOfPacking(shapes, config, warn);
    const { inFeatures, outFeatures, groupSize, scaleType } = shapes;
    const weight: AffineZeroWeight = {
      scheme: "affine-zero",
      inFeatures,
      outFeatures,
      bits: 4,
      groupSize,
      scaleType,
      codes: tensors.qweight.bytes,
      ...readPacked(module, tensors, shapes),
    };
    checkWeight(weight, quote(module));
    return weight;
  },
};

function readPacked(
  module: string,
  { scales, qzeros }: AwqTensors<TensorData>,
  shapes: AwqShapes,
): Pick<AffineZeroWeight, "order" | "scales" | "zeros"> {
  const { packing, groups, outFeatures, scaleType } = shapes;
  const asZeros = (bytes: Uint8Array): { readonly zeros: PackedZeros } => ({ zeros: { bytes, order: "bytes" } });
  switch (packing) {
    case "gemm":
      return { order: "awq-gemm", scales: scales.bytes, ...(qzeros && asZeros(readGemmZeros(qzeros.bytes))) };
    case "gemv":
      return {
        order: "lsb-rows",
        scales: transposeFloats(scales.bytes, scaleType, {
          rows: outFeatures,
          columns: groups,
          stride: scales.shape[1],
        }),
        ...(qzeros && asZeros(readGemvZeros(qzeros.bytes, shapes))),
      };
    case "gemv_fast": {
      const scaleBytes = scales.bytes.subarray(0, (groups * scales.bytes.length) / scales.shape[0]); // the rest is padding
      const stored = { bytes: scaleBytes, type: scaleType };
      return {
        order: "awq-gemv-fast",
        scales: scaleBytes,
        ...(qzeros &&
          asZeros(readScaledZeros(module, { bytes: qzeros.bytes, type: requireFloatType(qzeros) }, stored, shapes))),
      };
    }
    case "marlin":
      return { order: "marlin", scales: readMarlinScales(scales.bytes, scaleType, groups, outFeatures) };
  }
}

function warnOfPacking({ packing }: AwqShapes, config: AwqConfig, warn: Warn): void {
  const { packing: declared = "gemm", label } = config;
  if (packing === declared) return;
  warn(
    `${label}: declares the AWQ version ${declared}, but tensors have the shapes of ${packing}; read as ${packing} ` +
      "(--checkpoint-format overrides)",
  );
}
