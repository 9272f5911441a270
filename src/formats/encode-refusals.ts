import { groupCount } from "../weights/affine-groups.ts";
import type { AffineZeroWeight } from "../weights/packed-weight.ts";
import type { RoundingOptions } from "../weights/round-to-nearest.ts";

/** Group sizes that the kernels of these formats have, largest first. */
const usualGroupSizes = [128, 64, 32] as const;

/** Why a format whose groups follow each other in full cannot hold the weight; undefined: it can. */
export function refusesGroups(weight: AffineZeroWeight, title: string): string | undefined {
  if (weight.rowOrder !== undefined)
    return `its input features are permuted (act-order), for which ${title} has no place`;
  if (groupCount(weight) * weight.groupSize === weight.inFeatures) return undefined;
  return `its ${weight.inFeatures} input features end in a short group of ${weight.groupSize}, which ${title} does not have`;
}

/** The group size nearest to a weight's own that divides its input features. */
export function dividingGroupSize({
  inFeatures,
  groupSize,
}: Pick<RoundingOptions, "groupSize"> & { readonly inFeatures: number }): number {
  if (inFeatures % groupSize === 0 && (usualGroupSizes as readonly number[]).includes(groupSize)) return groupSize;
  return usualGroupSizes.find((size) => inFeatures % size === 0) ?? inFeatures;
}
