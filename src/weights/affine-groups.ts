import type { AffineZeroWeight } from "./packed-weight.ts";

/** Groups along the input features; the last may be short. */
export function groupCount({ inFeatures, groupSize }: Pick<AffineZeroWeight, "inFeatures" | "groupSize">): number {
  return Math.ceil(inFeatures / groupSize);
}

/** The group of each input feature. */
export function groupOfInput(weight: Pick<AffineZeroWeight, "inFeatures" | "groupSize" | "rowOrder">): Uint32Array {
  const { inFeatures, groupSize, rowOrder } = weight;
  const groups = new Uint32Array(inFeatures);
  for (let r = 0; r < inFeatures; r++) groups[rowOrder ? rowOrder[r] : r] = Math.floor(r / groupSize);
  return groups;
}
