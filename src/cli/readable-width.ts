/** Longer lines are hard to read. */
const widest = 120;

/** Characters of a line of prose on a stream: what its terminal has, but not too many. Some terminals say 0. */
export function readableWidth({ columns = 0 }: { readonly columns?: number }): number {
  return columns > 0 ? Math.min(columns, widest) : widest;
}
