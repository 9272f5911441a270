import { storeFloats } from "../../src/formats/store-floats.ts";
import { packCodes } from "../../src/weights/affine-codes.ts";
import { groupCount } from "../../src/weights/affine-groups.ts";
import type {
  AffineBits,
  AffineZeroWeight,
  CodeOrder,
  DenseWeight,
  FloatType,
  MixedAffineWeight,
  Sparse24Weight,
  ZeroOrder,
} from "../../src/weights/packed-weight.ts";
import type { MixedGroup } from "../../src/weights/mixed-groups.ts";
import { legalPositions, packSparse24 } from "../../src/weights/sparse-24.ts";
import { packZeros } from "../../src/weights/zero-points.ts";
import type { Random } from "./random.ts";

export interface Shape {
  readonly inFeatures: number;
  readonly outFeatures: number;
}

export interface AffineShape extends Shape {
  readonly bits: AffineBits;
  readonly groupSize: number;
  /** Absent: `lsb-k`. */
  readonly order?: CodeOrder;
  /** Absent: symmetric. */
  readonly zeros?: ZeroOrder;
  readonly reordered?: boolean;
  readonly scaleType?: FloatType;
}

/** Rows of about unit length, as trained weights have. */
export function randomDense(random: Random, { inFeatures, outFeatures }: Shape, type: FloatType): DenseWeight {
  const values = random.normals(inFeatures * outFeatures, 1 / Math.sqrt(inFeatures));
  return { scheme: "dense", inFeatures, outFeatures, type, values: storeFloats(values, type) };
}

/** Codes from the whole range, zero points from the whole range: among them 0, which borrows in most orders. */
export function randomAffine(random: Random, shape: AffineShape): AffineZeroWeight {
  const { inFeatures, outFeatures, bits, order = "lsb-k", zeros, scaleType = "f16" } = shape;
  const groupSize = Math.min(shape.groupSize, inFeatures);
  const groups = groupCount({ inFeatures, groupSize });
  const field = (): number => random.below(2 ** bits);
  const codes = Uint8Array.from({ length: inFeatures * outFeatures }, field);
  const step = 1 / (2 ** bits * Math.sqrt(inFeatures));
  const scales = Float32Array.from({ length: groups * outFeatures }, () => step * (0.5 + random.uniform()));
  return {
    scheme: "affine-zero",
    inFeatures,
    outFeatures,
    bits,
    groupSize,
    codes: packCodes(codes, bits, inFeatures, outFeatures, order),
    order,
    scales: storeFloats(scales, scaleType),
    scaleType,
    ...(zeros !== undefined && {
      zeros: packZeros(Uint8Array.from({ length: groups * outFeatures }, field), bits, groups, outFeatures, zeros),
    }),
    ...(shape.reordered === true && { rowOrder: random.permutation(inFeatures) }),
  };
}

/** Two of every four inputs, of all six pairs; codes from the whole range. */
export function randomSparse24(
  random: Random,
  shape: Shape & { readonly bits: 4 | 8; readonly groupSize: number },
): Sparse24Weight {
  const { inFeatures, outFeatures, bits } = shape;
  const groupSize = Math.min(shape.groupSize, inFeatures);
  const pairs = [...legalPositions];
  const kept = Uint8Array.from({ length: (inFeatures * outFeatures) / 2 }, () => random.below(2 ** bits));
  const nibbles = Uint8Array.from({ length: (inFeatures * outFeatures) / 4 }, () => pairs[random.below(pairs.length)]);
  const step = 1 / (2 ** bits * Math.sqrt(inFeatures));
  const scales = Float32Array.from(
    { length: groupCount({ inFeatures, groupSize }) * outFeatures },
    () => step * (0.5 + random.uniform()),
  );
  const packed = packSparse24(kept, nibbles, shape);
  return { scheme: "sparse-24", inFeatures, outFeatures, bits, groupSize, ...packed, scales: storeFloats(scales, "f16"), scaleType: "f16" }; // prettier-ignore
}

/** Codes and scales from their whole ranges; groups of any widths in any order. */
export function randomMixed(
  random: Random,
  groups: readonly MixedGroup[],
  shape: { readonly outFeatures: number; readonly columns?: number; readonly reordered?: boolean },
): MixedAffineWeight {
  const { outFeatures, columns = Math.ceil(outFeatures / 8) * 8, reordered = false } = shape;
  const inFeatures = groups.reduce((sum, { inputs }) => sum + inputs, 0);
  const codes = groups.map(({ bits, inputs }) => {
    const fields = Uint8Array.from({ length: inputs * columns }, () => random.below(2 ** bits));
    return packCodes(fields, bits, inputs, columns, "lsb-k");
  });
  // c is some 9 on average, and a narrower group has the larger steps.
  const maxima = Float32Array.from(groups, ({ bits }) => (6 * (0.5 + random.uniform())) / (2 ** bits * Math.sqrt(inFeatures))); // prettier-ignore
  return {
    scheme: "affine-mixed",
    inFeatures,
    outFeatures,
    groups,
    columns,
    codes: Buffer.concat(codes),
    scaleCodes: Uint8Array.from({ length: (groups.length * columns) / 2 }, () => random.below(256)),
    scaleMaxima: storeFloats(maxima, "f16"),
    ...(reordered && { rowOrder: random.permutation(inFeatures) }),
  };
}
