import { float8Table } from "../util/float8.ts";
import { unpackCodes } from "./affine-codes.ts";
import { groupCount, groupOfInput } from "./affine-groups.ts";
import { asUint32 } from "../util/bytes.ts";
import { blockLayouts } from "./blocks/block-type.ts";
import { readBlocks } from "./blocks/read-blocks.ts";
import { floatValues } from "./float-values.ts";
import { getCode } from "./lsb-stream.ts";
import { placeGroups } from "./mixed-groups.ts";
import {
  floatBytes,
  type AffineZeroWeight,
  type BlockWeight,
  type CodebookWeight,
  type DenseWeight,
  type MixedAffineWeight,
  type Float8Weight,
  type PackedWeight,
  type Sparse24Weight,
} from "./packed-weight.ts";
import { forEachKept } from "./sparse-24.ts";
import { symmetricZero, unpackZeros } from "./zero-points.ts";

/**
 * The weight as f32 [outFeatures][inFeatures], input features in the model's order, computed in f32 exactly as the doc
 * comment of its scheme says: what every kernel is held against. The weight must have passed checkWeight.
 */
export function dequantize(weight: PackedWeight): Float32Array {
  return dequantizeRows(weight, 0, weight.outFeatures);
}

/** The output features `start` to `end` of `dequantize`: [end - start][inFeatures]; the caller's to keep. */
export function dequantizeRows(weight: PackedWeight, start: number, end: number): Float32Array {
  switch (weight.scheme) {
    case "dense":
      return denseRows(weight, start, end);
    case "affine-zero":
      return affineZeroRows(weight, start, end);
    case "sparse-24":
      return sparse24Rows(weight, start, end);
    case "affine-mixed":
      return mixedAffineRows(weight, start, end);
    case "block":
      return blockRows(weight, start, end);
    case "float8":
      return float8Rows(weight, start, end);
    case "codebook":
      return codebookRows(weight, start, end);
  }
}

function denseRows({ values, type, inFeatures }: DenseWeight, start: number, end: number): Float32Array {
  const rowBytes = inFeatures * floatBytes[type];
  const rows = floatValues(values.subarray(start * rowBytes, end * rowBytes), type);
  return type === "f32" ? rows.slice() : rows; // floatValues may have returned the file's own bytes
}

function blockRows({ type, blocks, inFeatures, factor }: BlockWeight, start: number, end: number): Float32Array {
  const layout = blockLayouts[type];
  const rowBytes = (inFeatures / layout.values) * layout.bytes;
  const values = readBlocks(type, blocks.subarray(start * rowBytes, end * rowBytes));
  if (factor !== undefined) for (let i = 0; i < values.length; i++) values[i] *= factor;
  return values;
}

function sparse24Rows(weight: Sparse24Weight, start: number, end: number): Float32Array {
  const { inFeatures, outFeatures, bits, groupSize } = weight;
  const scales = floatValues(weight.scales, weight.scaleType);
  const values = new Float32Array((end - start) * inFeatures);
  for (let n = start; n < end; n++) {
    const row = (n - start) * inFeatures;
    forEachKept(weight, n, (k, code) => {
      values[row + k] = (code - symmetricZero(bits)) * scales[Math.floor(k / groupSize) * outFeatures + n];
    });
  }
  return values;
}

function mixedAffineRows(weight: MixedAffineWeight, start: number, end: number): Float32Array {
  const { inFeatures, columns, rowOrder } = weight;
  const scaleWords = asUint32(weight.scaleCodes);
  const maxima = floatValues(weight.scaleMaxima, "f16");
  const values = new Float32Array((end - start) * inFeatures);
  placeGroups(weight.groups).forEach(({ bits, inputs, firstRow, firstWord, words }, g) => {
    const bytes = weight.codes.subarray(4 * firstWord * columns, 4 * (firstWord + words) * columns);
    const codes = unpackCodes(
      { codes: bytes, order: "lsb-k", bits, inFeatures: inputs, outFeatures: columns },
      start,
      end,
    );
    for (let n = start, i = 0; n < end; n++) {
      const c = getCode(scaleWords, 4, n, (g * columns) / 8) + 1;
      const scale = (c * c * maxima[g]) / 256;
      const row = (n - start) * inFeatures;
      for (let r = firstRow; r < firstRow + inputs; r++) {
        values[row + (rowOrder ? rowOrder[r] : r)] = (codes[i++] - symmetricZero(bits)) * scale;
      }
    }
  });
  return values;
}

function float8Rows(weight: Float8Weight, start: number, end: number): Float32Array {
  const { inFeatures, codes, scaleRows, groupSize, scales, divides } = weight;
  const groups = groupCount(weight);
  const table = float8Table(weight.type);
  const values = new Float32Array((end - start) * inFeatures);
  for (let n = start, i = 0; n < end; n++) {
    const scaleRow = Math.floor(n / scaleRows) * groups;
    for (let k = 0; k < inFeatures; k++, i++) {
      const value = table[codes[n * inFeatures + k]];
      const scale = scales[scaleRow + Math.floor(k / groupSize)];
      // Quotients and products of two f32 in f64 round to f32 as if they had been rounded once.
      values[i] = divides ? value / scale : value * scale;
    }
  }
  return values;
}

function codebookRows(weight: CodebookWeight, start: number, end: number): Float32Array {
  const { inFeatures, codes, table, evenNibble, groupSize, scaleTable } = weight;
  const scales = scaleTable ? weight.scales : floatValues(weight.scales, "f32");
  const values = new Float32Array((end - start) * inFeatures);
  for (let at = start * inFeatures, i = 0; i < values.length; at++, i++) {
    const isLow = (at % 2 === 0) === (evenNibble === "low");
    const scale = scales[Math.floor(at / groupSize)];
    values[i] = table[(codes[Math.floor(at / 2)] >> (isLow ? 0 : 4)) & 15] * (scaleTable ? scaleTable[scale] : scale);
  }
  return values;
}

function affineZeroRows(weight: AffineZeroWeight, start: number, end: number): Float32Array {
  const { inFeatures, outFeatures, bits, divisor } = weight;
  const groups = groupCount(weight);
  const groupOf = groupOfInput(weight);
  const codes = unpackCodes(weight, start, end);
  const scales = floatValues(weight.scales, weight.scaleType);
  const zeros = weight.zeros && unpackZeros(weight.zeros, bits, groups, outFeatures);
  const scale = new Float32Array(groups);
  const zero = new Float32Array(groups).fill(symmetricZero(bits));
  const values = new Float32Array(codes.length);
  for (let n = start; n < end; n++) {
    for (let g = 0; g < groups; g++) {
      scale[g] = scales[g * outFeatures + n];
      if (zeros) zero[g] = zeros[g * outFeatures + n];
    }
    const row = (n - start) * inFeatures;
    for (let k = 0; k < inFeatures; k++) {
      const g = groupOf[k];
      // The difference is an exact small integer, so the store rounds the product once, as an f32 multiply does.
      values[row + k] = (codes[row + k] - zero[g]) * scale[g];
      if (divisor !== undefined) values[row + k] /= divisor;
    }
  }
  return values;
}
