import { asUint16, bytesOf } from "../../util/bytes.ts";
import { codesAs, scalesAsHalves } from "../../weights/affine-form.ts";
import { groupCount } from "../../weights/affine-groups.ts";
import { refusesGroups } from "../encode-refusals.ts";
import { declareGptq } from "../gptq/encode-gptq.ts";
import type { WeightEncoder } from "../weight-encoder.ts";
import { marlinColumnOf, marlinSpan } from "./read-scales.ts";

/** What the kernel that such files are for takes: IST-DASLab/marlin, marlin/__init__.py, `Layer`. */
const kernelGroupSize = 128;
const inMultiple = 128;
const outMultiple = 256;

/** The inverse of `marlin` with 4 bits. */
export const marlinEncoder: WeightEncoder = {
  name: "marlin",
  hasOneGroupSize: true,

  refuses(weight) {
    const { bits, inFeatures, outFeatures, groupSize, zeros } = weight;
    if (bits !== 4) return `has ${bits} bit; Marlin has 4`;
    if (zeros !== undefined) return "has zero points; Marlin is symmetric";
    const shape = refusesShape(inFeatures, outFeatures);
    if (shape !== undefined) return shape;
    if (groupSize !== kernelGroupSize && groupSize !== inFeatures)
      return `has groups of ${groupSize}; Marlin's are of ${kernelGroupSize}, or one for all input features`;
    if (scalesAsHalves(weight) === undefined) return "has scales that f16 does not hold exactly";
    return refusesGroups(weight, "Marlin");
  },

  encode(module, weight) {
    const { inFeatures, outFeatures } = weight;
    const groups = groupCount(weight);
    return [
      {
        name: `${module}.B`,
        dtype: "I32",
        shape: [inFeatures / 16, 2 * outFeatures],
        bytes: () => codesAs(weight, "marlin"),
      },
      {
        name: `${module}.s`,
        dtype: "F16",
        shape: [groups, outFeatures],
        bytes: () => permuteScales(scalesAsHalves(weight) ?? weight.scales, groups),
      },
    ];
  },

  nearest: ({ inFeatures, outFeatures }) =>
    refusesShape(inFeatures, outFeatures) ?? { bits: 4, groupSize: kernelGroupSize, symmetric: true },

  declare: (modules, unpacked) => ({
    ...declareGptq("marlin", modules, unpacked),
    is_marlin_format: true,
  }),
};

function refusesShape(inFeatures: number, outFeatures: number): string | undefined {
  if (inFeatures % inMultiple === 0 && outFeatures % outMultiple === 0) return undefined;
  return `is ${inFeatures} → ${outFeatures}; Marlin takes multiples of ${inMultiple} and of ${outMultiple}`;
}

/** The inverse of readMarlinScales. */
function permuteScales(bytes: Uint8Array, groups: number): Uint8Array {
  const scales = asUint16(bytes);
  const stored = new Uint16Array(scales.length);
  const span = marlinSpan(groups);
  for (let at = 0; at < scales.length; at += span) {
    for (let p = 0; p < span; p++) stored[at + p] = scales[at + marlinColumnOf(p, groups)];
  }
  return bytesOf(stored);
}
