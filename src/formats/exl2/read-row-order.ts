import { asInt32, asUint16 } from "../../util/bytes.ts";
import { FormatError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import type { TensorData } from "../weight-format.ts";

/**
 * The input feature of each row, the inverse of q_invperm; undefined where rows are in order. Throws FormatError where that is no
 * permutation, or a q_perm, should there be one, is another.
 */
export function readRowOrder(
  module: string,
  invperm: Int32Array,
  perm: TensorData | undefined,
): Uint32Array | undefined {
  const order = new Uint32Array(invperm.length);
  const seen = new Uint8Array(invperm.length);
  let isSorted = true;
  for (let k = 0; k < invperm.length; k++) {
    const r = invperm[k];
    if (r < 0 || r >= invperm.length)
      throw new FormatError(`${quote(module)}: q_invperm[${k}] is ${r}; there are ${invperm.length} rows`);
    if (seen[r] === 1) throw new FormatError(`${quote(module)}: q_invperm names row ${r} twice`);
    seen[r] = 1;
    order[r] = k;
    if (r !== k) isSorted = false;
  }
  if (perm) {
    const stored = perm.dtype.endsWith("16") ? asUint16(perm.bytes) : asInt32(perm.bytes);
    const r = order.findIndex((k, row) => stored[row] !== k);
    if (r >= 0)
      throw new FormatError(`${quote(module)}: q_perm[${r}] is ${stored[r]}, by q_invperm it must be ${order[r]}`);
  }
  return isSorted ? undefined : order;
}
