import { groupCount } from "../../weights/affine-groups.ts";
import type { AffineZeroWeight } from "../../weights/packed-weight.ts";
import { fillFromPattern, randomBits, sameHalf } from "../synthetic/pattern.ts";

export interface AffineSample {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly bits: 2 | 3 | 4 | 8;
  /** -1: one group. */
  readonly groupSize: number;
  readonly asym: boolean;
  readonly actOrder: boolean;
}

/** A weight to time a kernel with: codes of all values, scales that keep sums small. */
export function affineSample({
  inFeatures,
  outFeatures,
  bits,
  groupSize,
  asym,
  actOrder,
}: AffineSample): AffineZeroWeight {
  const size = groupSize === -1 ? inFeatures : Math.min(groupSize, inFeatures);
  const groups = groupCount({ inFeatures, groupSize: size });
  const random = randomBits();
  const bytes = (length: number, pattern = random): Uint8Array => {
    const made = new Uint8Array(length);
    fillFromPattern(made, pattern, 0);
    return made;
  };
  return {
    scheme: "affine-zero",
    inFeatures,
    outFeatures,
    bits,
    groupSize: size,
    codes: bytes(Math.ceil((inFeatures * bits) / 32) * outFeatures * 4),
    order: "lsb-k",
    scales: bytes(2 * groups * outFeatures, sameHalf(Math.sqrt(12 / inFeatures) / 2 ** bits)),
    scaleType: "f16",
    ...(asym && {
      zeros: { order: "lsb-n-minus-one", bytes: bytes(groups * Math.ceil((outFeatures * bits) / 32) * 4) },
    }),
    ...(actOrder && { rowOrder: strided(inFeatures) }),
  };
}

/** Every input once, neighbours far apart. */
function strided(count: number): Uint32Array {
  const stride = Math.floor(count / 3) + 1;
  const order = Array.from({ length: count }, (_, index) => index);
  return Uint32Array.from(order.sort((a, b) => (a % stride) - (b % stride) || a - b));
}
