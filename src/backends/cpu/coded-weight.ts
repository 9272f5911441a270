import { bytesOf } from "../../util/bytes.ts";
import { float8Table } from "../../util/float8.ts";
import { groupCount } from "../../weights/affine-groups.ts";
import type { CodebookWeight, Float8Type, Float8Weight, PackedWeight } from "../../weights/packed-weight.ts";

/** What native/cpu has to know of codes that stand for floats; weights of one form can be fused. */
export interface CodedForm {
  readonly inFeatures: number;
  /** FB_CODED_* of native/cpu/fewbit_cpu.h. */
  readonly form: number;
  /** 256 values, or 16 of nibbles. */
  readonly table: Float32Array;
  /** 256 values; absent: scales are f32. */
  readonly scaleTable?: Float32Array;
  readonly groupSize: number;
  readonly divides: boolean;
}

const nibbles = 3;

/** Those of AMD have no instruction to widen them: they are looked up. */
const float8Forms: Readonly<Record<Float8Type, number>> = { e4m3fn: 0, e5m2: 1, e4m3fnuz: 2, e5m2fnuz: 2 };

export function codedForm(weight: Float8Weight | CodebookWeight): CodedForm {
  const { inFeatures } = weight;
  if (weight.scheme === "float8") {
    const { type, groupSize, divides } = weight;
    return { inFeatures, form: float8Forms[type], table: float8Table(type), groupSize, divides };
  }
  const { table, scaleTable } = weight;
  const groupSize = rowGroupSize(weight);
  return { inFeatures, form: nibbles, table, ...(scaleTable && { scaleTable }), groupSize, divides: false };
}

/** The scales [outFeatures][groups of a row], f32 or, of a codebook with a table of scales, bytes. */
export function rowScales(weight: Float8Weight | CodebookWeight): Uint8Array {
  const { inFeatures, outFeatures } = weight;
  const groups = groupCount({ inFeatures, groupSize: codedForm(weight).groupSize });
  if (weight.scheme === "float8") {
    const { scales, scaleRows } = weight;
    if (scaleRows === 1) return bytesOf(scales);
    const spread = new Float32Array(outFeatures * groups);
    for (let n = 0; n < outFeatures; n++) {
      const from = Math.floor(n / scaleRows) * groups;
      spread.set(scales.subarray(from, from + groups), n * groups);
    }
    return bytesOf(spread);
  }
  const { scales, groupSize, scaleTable } = weight;
  if (inFeatures % groupSize === 0) return scales;
  const width = scaleTable ? 1 : 4;
  const spread = new Uint8Array(outFeatures * groups * width);
  for (let i = 0; i < outFeatures * groups; i++) {
    const from = width * Math.floor((i * rowGroupSize(weight)) / groupSize);
    spread.set(scales.subarray(from, from + width), i * width);
  }
  return spread;
}

/** Whether what codes and scales stand for, and how they are combined, is the same; true of all other schemes. */
export function haveSameTables(a: PackedWeight, b: PackedWeight): boolean {
  if (a.scheme === "affine-zero" && b.scheme === "affine-zero") return a.divisor === b.divisor;
  if (a.scheme === "float8" && b.scheme === "float8") return a.divides === b.divides;
  if (a.scheme !== "codebook" || b.scheme !== "codebook") return true;
  return areEqual(a.table, b.table) && areEqual(a.scaleTable, b.scaleTable);
}

/** Groups that run on from row to row are multiples of smaller ones that do not. */
function rowGroupSize({ inFeatures, groupSize }: CodebookWeight): number {
  let [a, b] = [inFeatures, groupSize];
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}

function areEqual(a: Float32Array | undefined, b: Float32Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((value, i) => Object.is(value, b[i]));
}
