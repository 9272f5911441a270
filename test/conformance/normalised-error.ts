/** Squared distance over the squared length of what was expected: 0 for equals, 1 where all is lost; NaN for NaN. */
export function normalisedError(found: Float32Array, expected: Float32Array): number {
  if (found.length !== expected.length) return NaN;
  let distance = 0;
  let length = 0;
  for (let i = 0; i < expected.length; i++) {
    distance += (found[i] - expected[i]) ** 2;
    length += expected[i] ** 2;
  }
  return distance === 0 ? 0 : distance / length;
}
