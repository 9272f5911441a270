import type { EncodedModule, EncodedTensor, WeightEncoder } from "../formats/weight-encoder.ts";
import { withBytes } from "../formats/weight-encoder.ts";
import { recogniseFormat } from "../formats/formats.ts";
import { storedTypes } from "../formats/float-type.ts";
import { storeFloats } from "../formats/store-floats.ts";
import { affineForm, cutGroups } from "../weights/affine-form.ts";
import { compareWeights, type Loss } from "../weights/compare-weights.ts";
import { dequantize } from "../weights/dequantize.ts";
import {
  describeSummary,
  summarize,
  type AffineZeroWeight,
  type FloatType,
  type PackedWeight,
} from "../weights/packed-weight.ts";
import { roundToNearest } from "../weights/round-to-nearest.ts";

/** What packed modules become: a packed format, or plain floats. */
export type Target = { readonly encoder: WeightEncoder } | { readonly floats: FloatType };

export interface ConvertWeightOptions {
  /** Cuts the groups to this size first, where it divides them. */
  readonly groupSize?: number;
  /** Goes on where there is no exact form, with the nearest. */
  readonly requantize: boolean;
}

export interface ConvertedWeight {
  readonly tensors: readonly EncodedTensor[];
  /** As the target's config tells of it; undefined: plain floats are not told of. */
  readonly packed?: EncodedModule;
  /** Why there is no exact form; undefined: this is it. */
  readonly inexact?: string;
}

/** A module in the target's form, or, in a string, why it has none. */
export function convertWeight(
  module: string,
  weight: PackedWeight,
  target: Target,
  { groupSize, requantize }: ConvertWeightOptions,
): ConvertedWeight | string {
  if ("floats" in target) {
    return {
      tensors: [floatTensor(module, weight, target.floats)],
      ...(target.floats !== "f32" && { inexact: `its values are rounded to ${target.floats}` }),
    };
  }
  const { encoder } = target;
  const exact = exactForm(weight, encoder, groupSize);
  if (typeof exact !== "string") return encoded(module, exact, encoder);
  if (!requantize) return exact;
  const { inFeatures, outFeatures } = weight;
  const { bits, groupSize: ownGroupSize = inFeatures } = summarize(weight);
  const wantedBits = bits === 2 || bits === 3 || bits === 4 || bits === 5 || bits === 6 || bits === 7 ? bits : 8;
  const nearest = encoder.nearest({ inFeatures, outFeatures, bits: wantedBits, groupSize: groupSize ?? ownGroupSize });
  if (typeof nearest === "string") return nearest;
  const rounded = roundToNearest(dequantize(weight), inFeatures, outFeatures, nearest);
  return { ...encoded(module, rounded, encoder), inexact: exact };
}

/**
 * What a reader of the written tensors gets, held against the weight: undefined where every value is the same. Throws as decode does.
 */
export function lossOf(
  module: string,
  weight: PackedWeight,
  converted: ConvertedWeight,
  target: Target,
): Loss | undefined {
  const tensors = withBytes(converted.tensors);
  const format = recogniseFormat({
    ...("encoder" in target && converted.packed && { declared: target.encoder.declare([converted.packed], []) }),
    label: module,
    metadata: new Map(),
    tensors,
  });
  return compareWeights(
    format.decode(module, tensors, () => undefined),
    weight,
  );
}

function exactForm(
  weight: PackedWeight,
  encoder: WeightEncoder,
  groupSize: number | undefined,
): AffineZeroWeight | string {
  const affine = affineForm(weight);
  if (affine === undefined) return `is ${describeSummary(summarize(weight))}, which ${encoder.name} does not hold`;
  const isCut = groupSize !== undefined && affine.groupSize % groupSize === 0 && affine.inFeatures % groupSize === 0;
  const cut = isCut ? cutGroups(affine, groupSize) : affine;
  return encoder.refuses(cut) ?? cut;
}

function encoded(module: string, weight: AffineZeroWeight, encoder: WeightEncoder): ConvertedWeight {
  return { tensors: encoder.encode(module, weight), packed: { name: module, ...summarize(weight) } };
}

function floatTensor(module: string, weight: PackedWeight, type: FloatType): EncodedTensor {
  return {
    name: `${module}.weight`,
    dtype: storedTypes[type],
    shape: [weight.outFeatures, weight.inFeatures],
    bytes: () => storeFloats(dequantize(weight), type),
  };
}
