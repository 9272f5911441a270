import type { PackedWeight } from "./packed-weight.ts";

/** Whether two weights permute their inputs alike; also true where neither does. */
export function haveSameRowOrder(a: PackedWeight, b: PackedWeight): boolean {
  const [x, y] = [a, b].map((weight) => ("rowOrder" in weight ? weight.rowOrder : undefined));
  if (x === undefined || y === undefined) return x === y;
  return x.length === y.length && x.every((row, i) => row === y[i]);
}
