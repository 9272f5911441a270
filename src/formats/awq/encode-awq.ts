import { bytesOf } from "../../util/bytes.ts";
import { codesAs, scalesAsHalves, zeroPoints } from "../../weights/affine-form.ts";
import { groupCount } from "../../weights/affine-groups.ts";
import { dividingGroupSize, refusesGroups } from "../encode-refusals.ts";
import { declaredGroupSize } from "../gptq/encode-gptq.ts";
import type { WeightEncoder } from "../weight-encoder.ts";
import { outputOfNibble } from "./read-zeros.ts";

/** The inverse of `awq` for its packing gemm. It has no symmetric form: zero points of 8 are written. Scales are f16, or bf16 as they were. */
export const awqEncoder: WeightEncoder = {
  name: "awq",
  hasOneGroupSize: true,

  refuses(weight) {
    const { bits, outFeatures, scaleType } = weight;
    if (bits !== 4) return `has ${bits} bit; AWQ has 4`;
    if (outFeatures % 8 !== 0) return `has ${outFeatures} output features; AWQ packs 8 together`;
    if (scaleType === "f32" && scalesAsHalves(weight) === undefined) return "has scales that f16 does not hold exactly";
    return refusesGroups(weight, "AWQ");
  },

  encode(module, weight) {
    const { inFeatures, outFeatures, scales, scaleType } = weight;
    const groups = groupCount(weight);
    const isBfloat = scaleType === "bf16";
    return [
      {
        name: `${module}.qweight`,
        dtype: "I32",
        shape: [inFeatures, outFeatures / 8],
        bytes: () => codesAs(weight, "awq-gemm"),
      },
      {
        name: `${module}.qzeros`,
        dtype: "I32",
        shape: [groups, outFeatures / 8],
        bytes: () => packGemmZeros(zeroPoints(weight)),
      },
      {
        name: `${module}.scales`,
        dtype: isBfloat ? "BF16" : "F16",
        shape: [groups, outFeatures],
        bytes: () => (isBfloat ? scales : (scalesAsHalves(weight) ?? scales)),
      },
    ];
  },

  nearest({ inFeatures, outFeatures, groupSize }) {
    if (outFeatures % 8 !== 0) return `${outFeatures} output features are no multiple of 8`;
    return { bits: 4, groupSize: dividingGroupSize({ inFeatures, groupSize }), symmetric: false };
  },

  declare(modules, unpacked) {
    return {
      quant_method: "awq",
      bits: 4,
      group_size: modules[0] === undefined ? 128 : declaredGroupSize(modules[0]),
      zero_point: true,
      version: "gemm",
      modules_to_not_convert: unpacked.length > 0 ? unpacked : null,
    };
  },
};

/** The inverse of readGemmZeros. */
function packGemmZeros(zeros: Uint8Array): Uint8Array {
  const words = new Uint32Array(zeros.length / 8);
  for (let w = 0; w < words.length; w++) {
    for (let t = 0; t < 8; t++) words[w] |= zeros[8 * w + outputOfNibble[t]] << (4 * t);
  }
  return bytesOf(words);
}
