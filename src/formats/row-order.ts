import { FormatError, UnsupportedError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";

/**
 * The groups of g_idx as indices from 0 to groups - 1. Odd files count some from the end, so that -1 is the last group
 * (GPTQModel reads them so); anything else out of range would be a read out of bounds, and throws FormatError. Undefined
 * stands for groups in sequence: all zero with several groups, which old tools wrote and kernels take as that.
 */
export function normalizeGroups(module: string, gIdx: Int32Array, groups: number): Uint32Array | undefined {
  const found = new Uint32Array(gIdx.length);
  let isAllZero = true;
  for (let k = 0; k < gIdx.length; k++) {
    const group = gIdx[k] < 0 ? gIdx[k] + groups : gIdx[k];
    if (group < 0 || group >= groups) {
      throw new FormatError(`${quote(module)}: g_idx[${k}] is ${gIdx[k]}; there are ${groups} groups`);
    }
    if (gIdx[k] !== 0) isAllZero = false;
    found[k] = group;
  }
  return isAllZero && groups > 1 ? undefined : found;
}

/** How many input features group 0 has. */
export function firstGroupLength(groupOf: Uint32Array): number {
  return groupOf.reduce((count, group) => count + (group === 0 ? 1 : 0), 0);
}

/**
 * What act-order leaves behind: the input features sorted by their group, in their own order within one; undefined when
 * they are sorted already. Scales and zero points stay as they are. Every group but the last must be full, so that the
 * r-th input feature of the order is in group floor(r / groupSize); other sizes throw UnsupportedError, for no known tool
 * writes them.
 */
export function rowOrderOf(
  module: string,
  groupOf: Uint32Array,
  groups: number,
  groupSize: number,
): Uint32Array | undefined {
  // Counting sort: stable, and it counts the members on its way.
  const next = new Uint32Array(groups + 1);
  for (const group of groupOf) next[group + 1]++;
  for (let g = 0; g < groups; g++) {
    const expected = Math.min(groupSize, groupOf.length - g * groupSize);
    if (next[g + 1] !== expected) {
      throw new UnsupportedError(
        `${quote(module)}: group ${g} of g_idx has ${next[g + 1]} input features, not ${expected}; groups must be full`,
      );
    }
    next[g + 1] += next[g];
  }
  const order = new Uint32Array(groupOf.length);
  let isSorted = true;
  for (let k = 0; k < groupOf.length; k++) {
    const r = next[groupOf[k]]++;
    order[r] = k;
    if (r !== k) isSorted = false;
  }
  return isSorted ? undefined : order;
}
