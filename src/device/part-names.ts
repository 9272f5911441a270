/** What errors call the parts of a weight where nobody has named them. */
export function partNames(parts: readonly unknown[]): readonly string[] {
  return parts.map((_, i) => `part ${i}`);
}
