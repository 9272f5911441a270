/** What a config says of the groups of some modules. */
export interface DeclaredGroups {
  readonly bits?: number;
  /** -1: one group for the whole of a column. */
  readonly groupSize?: number;
}

/**
 * The group size g with ceil(K / g) = G. Several g may fit when the last group is short: then the members of group 0
 * decide, which is full unless it is the only one (`firstGroup`, from g_idx; absent: it is not known), then what the
 * config declares, then K / G where that is whole, then a power of two, as all known sizes are. Undefined: none decides.
 */
export function findGroupSize(
  { inFeatures, groups }: { readonly inFeatures: number; readonly groups: number },
  { declaredGroups }: { readonly declaredGroups: readonly DeclaredGroups[] },
  firstGroup?: number,
): number | undefined {
  if (groups === 1) return inFeatures;
  const fits = (size: number): boolean => size > 0 && Math.ceil(inFeatures / size) === groups;
  if (firstGroup !== undefined && fits(firstGroup)) return firstGroup;
  const declared = declaredGroups.find(({ groupSize }) => groupSize !== undefined && fits(groupSize));
  if (declared) return declared.groupSize;
  if (fits(inFeatures / groups) && Number.isInteger(inFeatures / groups)) return inFeatures / groups;
  const powerOfTwo = 2 ** Math.ceil(Math.log2(inFeatures / groups));
  return fits(powerOfTwo) ? powerOfTwo : undefined;
}
