import { bytesOf } from "../../util/bytes.ts";
import type { JsonObject } from "../../util/json.ts";
import { codesAs, zeroPoints } from "../../weights/affine-form.ts";
import { groupCount, groupOfInput } from "../../weights/affine-groups.ts";
import { codeOrderLimits } from "../../weights/code-order-limits.ts";
import { streamWords } from "../../weights/lsb-stream.ts";
import type { AffineBits, AffineZeroWeight } from "../../weights/packed-weight.ts";
import { putPlanarCode } from "../../weights/planar-stream.ts";
import { packZeros } from "../../weights/zero-points.ts";
import { dividingGroupSize } from "../encode-refusals.ts";
import { storedTypes } from "../float-type.ts";
import type { EncodedModule, WeightEncoder } from "../weight-encoder.ts";
import type { GptqConvention } from "./parse-config.ts";

/** Widths of the conventions: those of v1 and v2 are in fields of whole words, or, with 3 bits, in a stream. */
const widths: Readonly<Record<GptqConvention, readonly AffineBits[]>> = {
  gptq: [2, 3, 4, 8],
  gptq_v2: [2, 3, 4, 8],
  gptq_p: [2, 3, 4, 5, 6, 7, 8],
};

/**
 * The inverse of `gptq` for one of its conventions. v1 stores zero points less one by arithmetic of whole words, with borrows where one
 * is 0, as GPTQModel does. g_idx is always written: readers of old want it.
 */
export function gptqEncoder(convention: GptqConvention): WeightEncoder {
  return {
    name: convention,
    hasOneGroupSize: false,

    refuses(weight) {
      const { bits, inFeatures, outFeatures } = weight;
      if (!widths[convention].includes(bits))
        return `has ${bits} bit; ${convention} has ${widths[convention].join(", ")}`;
      const order = orderOf(convention, bits);
      const { inMultiple } = codeOrderLimits(order, bits);
      const outMultiple = order === "planar-k" ? 32 : codeOrderLimits("lsb-k", bits).inMultiple; // zero points lie along n
      if (inFeatures % inMultiple !== 0)
        return `has ${inFeatures} input features; ${convention} packs ${inMultiple} together`;
      if (outFeatures % outMultiple !== 0)
        return `has ${outFeatures} output features; ${convention} packs ${outMultiple} together`;
      return undefined;
    },

    encode(module, weight) {
      const { bits, inFeatures, outFeatures, scales, scaleType } = weight;
      const groups = groupCount(weight);
      const words = (count: number): number => (count * bits) / 32;
      return [
        {
          name: `${module}.qweight`,
          dtype: "I32",
          shape: [words(inFeatures), outFeatures],
          bytes: () => codesAs(weight, orderOf(convention, bits)),
        },
        {
          name: `${module}.qzeros`,
          dtype: "I32",
          shape: [groups, words(outFeatures)],
          bytes: () => encodeZeros(weight, convention),
        },
        { name: `${module}.scales`, dtype: storedTypes[scaleType], shape: [groups, outFeatures], bytes: () => scales },
        { name: `${module}.g_idx`, dtype: "I32", shape: [inFeatures], bytes: () => bytesOf(groupOfInput(weight)) },
      ];
    },

    nearest({ inFeatures, outFeatures, bits, groupSize }) {
      if (inFeatures % 32 !== 0 || outFeatures % 32 !== 0)
        return `${inFeatures} → ${outFeatures} are no multiples of 32`;
      const held = widths[convention].includes(bits) ? bits : bits > 4 ? 8 : 4;
      return { bits: held, groupSize: dividingGroupSize({ inFeatures, groupSize }), symmetric: false };
    },

    declare: (modules, unpacked) => declareGptq(convention, modules, unpacked),
  };
}

function orderOf(convention: GptqConvention, bits: AffineBits): "lsb-k" | "planar-k" {
  return convention === "gptq_p" && codeOrderLimits("planar-k", bits).bits.includes(bits) ? "planar-k" : "lsb-k";
}

function encodeZeros(weight: AffineZeroWeight, convention: GptqConvention): Uint8Array {
  const { bits, outFeatures } = weight;
  const groups = groupCount(weight);
  const zeros = zeroPoints(weight);
  if (orderOf(convention, bits) === "lsb-k")
    return packZeros(zeros, bits, groups, outFeatures, convention === "gptq" ? "lsb-n-minus-one" : "lsb-n").bytes;
  const rowWords = streamWords(bits, outFeatures);
  const words = new Uint32Array(groups * rowWords);
  for (let g = 0, i = 0; g < groups; g++) {
    for (let n = 0; n < outFeatures; n++) putPlanarCode(words, bits, n, zeros[i++], g * rowWords);
  }
  return bytesOf(words);
}

/**
 * As GPTQModel writes it. What most modules have is the default; a rule of `dynamic` tells of each other one, and of each linear that is
 * not packed.
 */
export function declareGptq(
  convention: GptqConvention | "marlin",
  modules: readonly EncodedModule[],
  unpacked: readonly string[],
): JsonObject {
  const kinds = new Map<string, EncodedModule[]>();
  for (const module of modules) {
    const key = JSON.stringify([module.bits, declaredGroupSize(module)]);
    kinds.set(key, [...(kinds.get(key) ?? []), module]);
  }
  const [usual = [], ...others] = [...kinds.values()].sort((a, b) => b.length - a.length);
  const dynamic: Record<string, JsonObject> = {};
  for (const name of unpacked) dynamic[`-:^${escapeRegex(name)}$`] = {};
  for (const module of others.flat()) {
    dynamic[`+:^${escapeRegex(module.name)}$`] = { bits: module.bits, group_size: declaredGroupSize(module) };
  }
  return {
    quant_method: "gptq",
    bits: usual[0]?.bits ?? 4,
    group_size: usual[0] === undefined ? 128 : declaredGroupSize(usual[0]),
    sym: modules.every(({ symmetric }) => symmetric === true),
    desc_act: modules.some(({ reordered }) => reordered),
    static_groups: false,
    lm_head: modules.some(({ name }) => name === "lm_head"),
    checkpoint_format: convention,
    pack_dtype: "int32",
    meta: { quantizer: ["fewbit"] },
    ...(Object.keys(dynamic).length > 0 && { dynamic }),
  };
}

/** -1 stands for one group. */
export function declaredGroupSize({ groupSize, inFeatures }: Pick<EncodedModule, "groupSize" | "inFeatures">): number {
  return groupSize === undefined || groupSize >= inFeatures ? -1 : groupSize;
}

const escapeRegex = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
