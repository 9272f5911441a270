import { bytesOf } from "../../util/bytes.ts";
import type { JsonObject } from "../../util/json.ts";
import { codesAs, zeroPoints } from "../../weights/affine-form.ts";
import { groupCount, groupOfInput } from "../../weights/affine-groups.ts";
import { putCode, streamWords } from "../../weights/lsb-stream.ts";
import type { AffineZeroWeight } from "../../weights/packed-weight.ts";
import { dividingGroupSize, refusesGroups } from "../encode-refusals.ts";
import { storedTypes } from "../float-type.ts";
import { transposeFloats } from "../transpose.ts";
import type { EncodedModule, EncodedTensor, WeightEncoder } from "../weight-encoder.ts";

/**
 * The inverse of `compressedTensorsFormat` for its format pack-quantized. Codes and zero points are streams across words, as since
 * mid 2026; with 2, 4 and 8 bits all versions agree. An act-order is written as actorder "group".
 */
export const compressedTensorsEncoder: WeightEncoder = {
  name: "compressed-tensors",
  hasOneGroupSize: false,

  refuses({ rowOrder: _, ...weight }) {
    return refusesGroups(weight, "compressed-tensors");
  },

  encode(module, weight) {
    const { inFeatures, outFeatures, bits, scales, scaleType, zeros, rowOrder } = weight;
    const groups = groupCount(weight);
    const tensors: EncodedTensor[] = [
      {
        name: `${module}.weight_packed`,
        dtype: "I32",
        shape: [outFeatures, streamWords(bits, inFeatures)],
        bytes: () => codesAs(weight, "lsb-rows"),
      },
      {
        name: `${module}.weight_scale`,
        dtype: storedTypes[scaleType],
        shape: [outFeatures, groups],
        bytes: () => transposeFloats(scales, scaleType, { rows: groups, columns: outFeatures }),
      },
      {
        name: `${module}.weight_shape`,
        dtype: "I64",
        shape: [2],
        bytes: () => bytesOf(BigInt64Array.of(BigInt(outFeatures), BigInt(inFeatures))),
      },
    ];
    if (zeros !== undefined) {
      tensors.push({
        name: `${module}.weight_zero_point`,
        dtype: "I32",
        shape: [streamWords(bits, outFeatures), groups],
        bytes: () => packZeroPoints(weight, groups),
      });
    }
    if (rowOrder !== undefined) {
      tensors.push({
        name: `${module}.weight_g_idx`,
        dtype: "I32",
        shape: [inFeatures],
        bytes: () => bytesOf(groupOfInput(weight)),
      });
    }
    return tensors;
  },

  nearest: ({ inFeatures, bits, groupSize }) => ({
    bits,
    groupSize: dividingGroupSize({ inFeatures, groupSize }),
    symmetric: false,
  }),

  declare(modules, unpacked) {
    const kinds = new Map<string, EncodedModule[]>();
    for (const module of modules) {
      const key = JSON.stringify(weightArguments(module));
      kinds.set(key, [...(kinds.get(key) ?? []), module]);
    }
    const all = [...kinds.values()].sort((a, b) => b.length - a.length);
    const groups = all.map((kind, i): [string, JsonObject] => [
      `group_${i}`,
      {
        targets: i === 0 ? ["Linear"] : kind.map(({ name }) => name),
        weights: weightArguments(kind[0]),
        input_activations: null,
        output_activations: null,
      },
    ]);
    return {
      quant_method: "compressed-tensors",
      quantization_status: "compressed",
      format: "pack-quantized",
      config_groups: Object.fromEntries(groups),
      ignore: modules.some(({ name }) => name === "lm_head") ? unpacked : ["lm_head", ...unpacked],
      kv_cache_scheme: null,
    };
  },
};

/** The inverse of what readCompressedZeros reads as a stream: word w of group g is [w][g]. */
function packZeroPoints(weight: AffineZeroWeight, groups: number): Uint8Array {
  const { bits, outFeatures } = weight;
  const zeros = zeroPoints(weight);
  const words = new Uint32Array(streamWords(bits, outFeatures) * groups);
  for (let g = 0, i = 0; g < groups; g++) {
    for (let n = 0; n < outFeatures; n++) putCode(words, bits, n, zeros[i++], g, groups);
  }
  return bytesOf(words);
}

function weightArguments({ bits, groupSize = 0, inFeatures, symmetric, reordered }: EncodedModule): JsonObject {
  const isWhole = groupSize >= inFeatures;
  return {
    num_bits: bits,
    type: "int",
    symmetric: symmetric === true,
    strategy: isWhole ? "channel" : "group",
    group_size: isWhole ? null : groupSize,
    actorder: reordered ? "group" : null,
    dynamic: false,
  };
}
