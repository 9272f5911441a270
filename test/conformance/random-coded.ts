import { bytesOf } from "../../src/util/bytes.ts";
import { float8Table } from "../../src/util/float8.ts";
import { e2m1Table } from "../../src/weights/e2m1.ts";
import type { CodebookName, CodebookWeight, Float8Type, Float8Weight } from "../../src/weights/packed-weight.ts";
import type { Shape } from "./random-weight.ts";
import type { Random } from "./random.ts";

export interface Float8Shape extends Shape {
  readonly type?: Float8Type;
  readonly scaleRows?: number;
  readonly groupSize?: number;
  readonly divides?: boolean;
}

/** Codes of every finite value, scales that bring them to about 1. */
export function randomFloat8(random: Random, shape: Float8Shape): Float8Weight {
  const { inFeatures, outFeatures, type = "e4m3fn", divides = false } = shape;
  const scaleRows = Math.min(shape.scaleRows ?? 1, outFeatures);
  const groupSize = Math.min(shape.groupSize ?? inFeatures, inFeatures);
  const table = float8Table(type);
  const largest = Math.max(...table.filter((value) => Number.isFinite(value)));
  const codes = new Uint8Array(inFeatures * outFeatures);
  for (let i = 0; i < codes.length; i++)
    do codes[i] = random.below(256);
    while (!Number.isFinite(table[codes[i]]));
  const count = Math.ceil(outFeatures / scaleRows) * Math.ceil(inFeatures / groupSize);
  const scales = Float32Array.from({ length: count }, () => {
    const scale = (0.5 + random.uniform()) / largest;
    return divides ? 1 / scale : scale;
  });
  return { scheme: "float8", inFeatures, outFeatures, type, codes, scaleRows, groupSize, scales, divides };
}

export interface CodebookShape extends Shape {
  readonly name: CodebookName;
  readonly groupSize: number;
  readonly evenNibble?: "low" | "high";
  /** What bytes of scales stand for; absent: scales are f32. */
  readonly scaleTable?: Float32Array;
}

export function randomCodebook(random: Random, shape: CodebookShape): CodebookWeight {
  const { inFeatures, outFeatures, name, groupSize, evenNibble = "low", scaleTable } = shape;
  const table = name === "e2m1" ? e2m1Table : random.normals(16);
  const count = Math.ceil((inFeatures * outFeatures) / groupSize);
  const codes = Uint8Array.from({ length: (inFeatures * outFeatures) / 2 }, () => random.below(256));
  const scales = scaleTable
    ? Uint8Array.from({ length: count }, () => 120 + random.below(7)) // of e8m0 2^-7 to 2^-1, of e4m3 the largest finite
    : bytesOf(Float32Array.from({ length: count }, () => 0.5 + random.uniform()));
  return { scheme: "codebook", inFeatures, outFeatures, name, table, codes, evenNibble, groupSize, scales, ...(scaleTable && { scaleTable }) }; // prettier-ignore
}
