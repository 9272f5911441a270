import { bytesOf, asUint32 } from "../util/bytes.ts";
import { dequantizeRows } from "./dequantize.ts";
import type { PackedWeight } from "./packed-weight.ts";

/** How far values are from those that they stand for. */
export interface Loss {
  /** Sum of the squared differences over that of the squared values; 0 where nothing differs. */
  readonly relativeSquaredError: number;
  readonly maxError: number;
}

/** Values compared at a time: 16 MiB of f32, whatever the weight. */
const chunkValues = 4 * 2 ** 20;

/** What a weight of the same shape differs in; undefined: the values are the same bit for bit, the sign of 0 and NaN included. */
export function compareWeights(found: PackedWeight, wanted: PackedWeight): Loss | undefined {
  const { inFeatures, outFeatures } = wanted;
  const rows = Math.max(1, Math.floor(chunkValues / inFeatures));
  let differs = false;
  let error = 0;
  let power = 0;
  let maxError = 0;
  for (let start = 0; start < outFeatures; start += rows) {
    const end = Math.min(start + rows, outFeatures);
    const a = dequantizeRows(found, start, end);
    const b = dequantizeRows(wanted, start, end);
    const [aBits, bBits] = [asUint32(bytesOf(a)), asUint32(bytesOf(b))];
    for (let i = 0; i < b.length; i++) {
      power += b[i] * b[i];
      if (aBits[i] === bBits[i]) continue;
      differs = true;
      const difference = a[i] - b[i];
      error += difference * difference;
      maxError = Math.max(maxError, Math.abs(difference));
    }
  }
  return differs ? { relativeSquaredError: error === 0 ? 0 : error / power, maxError } : undefined;
}
