import { asUint16, asUint32, bytesOf } from "../../util/bytes.ts";
import { floatBytes, type FloatType } from "../../weights/packed-weight.ts";

/**
 * Scales in the order of the columns, from that of Marlin's lanes. Several groups: in every 64 columns, position p holds column
 * p / 8 + 8 * (p % 8). One group: in every 32, position p holds 2 * (p / 8) + 8 * (p % 8 / 2) + p % 2. Source: IST-DASLab/marlin,
 * marlin/__init__.py, `_get_perms`.
 */
export function readMarlinScales(bytes: Uint8Array, type: FloatType, groups: number, outFeatures: number): Uint8Array {
  const stored = floatBytes[type] === 4 ? asUint32(bytes) : asUint16(bytes);
  const found = stored.slice();
  const span = groups > 1 ? 64 : 32;
  const columnOf = (p: number): number =>
    groups > 1 ? (p >> 3) + 8 * (p & 7) : 2 * (p >> 3) + 8 * ((p & 7) >> 1) + (p & 1);
  for (let at = 0; at + span <= groups * outFeatures; at += span) {
    for (let p = 0; p < span; p++) found[at + columnOf(p)] = stored[at + p];
  }
  return bytesOf(found);
}
