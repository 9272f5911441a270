import { asUint16, asUint32, bytesOf } from "../../util/bytes.ts";
import { floatBytes, type FloatType } from "../../weights/packed-weight.ts";

/** Columns that change places with each other. */
export const marlinSpan = (groups: number): 32 | 64 => (groups > 1 ? 64 : 32);

/**
 * The column of a span whose scale is at position p. Several groups: in every 64 columns, p / 8 + 8 * (p % 8). One group: in every 32,
 * 2 * (p / 8) + 8 * (p % 8 / 2) + p % 2. Source: IST-DASLab/marlin, marlin/__init__.py, `_get_perms`.
 */
export function marlinColumnOf(p: number, groups: number): number {
  return groups > 1 ? (p >> 3) + 8 * (p & 7) : 2 * (p >> 3) + 8 * ((p & 7) >> 1) + (p & 1);
}

/** Scales in the order of the columns, from that of Marlin's lanes. */
export function readMarlinScales(bytes: Uint8Array, type: FloatType, groups: number, outFeatures: number): Uint8Array {
  const stored = floatBytes[type] === 4 ? asUint32(bytes) : asUint16(bytes);
  const found = stored.slice();
  const span = marlinSpan(groups);
  for (let at = 0; at + span <= groups * outFeatures; at += span) {
    for (let p = 0; p < span; p++) found[at + marlinColumnOf(p, groups)] = stored[at + p];
  }
  return bytesOf(found);
}
