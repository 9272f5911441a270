import type { Float8 } from "../util/float8.ts";
import { blockLayouts, type BlockType } from "./blocks/block-type.ts";
import { commonGroupSize, meanBits, type MixedGroup } from "./mixed-groups.ts";

/** Weights as the file packed them: one type per arithmetic, never one per checkpoint format. */
export type PackedWeight =
  DenseWeight | AffineZeroWeight | MixedAffineWeight | BlockWeight | Sparse24Weight | Float8Weight | CodebookWeight;

/** How a value of a dense weight or of a scale is stored. All little-endian. */
export type FloatType = "f32" | "f16" | "bf16";

export const floatBytes: Readonly<Record<FloatType, number>> = { f32: 4, f16: 2, bf16: 2 };

/** w[n][k] = values[n][k]. */
export interface DenseWeight {
  readonly scheme: "dense";
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly type: FloatType;
  /** Row-major [outFeatures][inFeatures]; may start at any byte, since a file need not align its tensors. */
  readonly values: Uint8Array;
}

export type AffineBits = (typeof affineBits)[number];

export const affineBits = [2, 3, 4, 5, 6, 7, 8] as const;

/**
 * w[n][k] = (code[k][n] - zero[g][n]) * scale[g][n], in f32.
 *
 * The group g of input feature k is floor(k / groupSize), or floor(r / groupSize) for the r with rowOrder[r] = k
 * where there is a row order. The last group may be short; there are ceil(inFeatures / groupSize) groups.
 */
export interface AffineZeroWeight {
  readonly scheme: "affine-zero";
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly bits: AffineBits;
  /** Inputs that share one scale; equal to inFeatures where one scale serves a whole column. */
  readonly groupSize: number;
  /** The file's own bytes, input features in their original order. */
  readonly codes: Uint8Array;
  readonly order: CodeOrder;
  /** [group][outFeatures]. */
  readonly scales: Uint8Array;
  readonly scaleType: FloatType;
  /** Absent: symmetric, every zero point is 2 ** (bits - 1). */
  readonly zeros?: PackedZeros;
  /** Input features in group order (act-order); absent: 0, 1, 2, … */
  readonly rowOrder?: Uint32Array;
  /** What every product is divided by, rounded anew. Absent: 1. */
  readonly divisor?: number;
}

/**
 * w[n][k] = (code[r][n] - 2 ** (bits - 1)) * (c[g][n] ** 2 * maximum[g] / 256), in f32, for the r with rowOrder[r] = k and the group g that
 * has row r. The scale is exact in f32: c is 1 to 16, the maximum an fp16.
 */
export interface MixedAffineWeight {
  readonly scheme: "affine-mixed";
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** Runs of rows, one after another, that make up all of them. */
  readonly groups: readonly MixedGroup[];
  /** Outputs as they are stored: outFeatures rounded up, a multiple of 8. */
  readonly columns: number;
  /** The file's own bytes: for each group words [ceil(inputs * bits / 32)][columns], in the order `lsb-k`. */
  readonly codes: Uint8Array;
  /** c - 1 in 4 bits: words [group][columns / 8], a stream along n, least significant bits first. */
  readonly scaleCodes: Uint8Array;
  /** fp16 [group]. */
  readonly scaleMaxima: Uint8Array;
  /** Input features in the order of rows; absent: 0, 1, 2, … */
  readonly rowOrder?: Uint32Array;
}

/**
 * w[n][k] by the arithmetic of the blocks' type, in f32 (blocks/read-blocks.ts). Each row of outFeatures is a run of blocks along k, so
 * inFeatures is a multiple of the block's values; rows can be moved and cut as they are.
 */
export interface BlockWeight {
  readonly scheme: "block";
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly type: BlockType;
  /** The file's own bytes, [outFeatures][inFeatures / values of a block]. */
  readonly blocks: Uint8Array;
  /** A factor of the whole weight that the file keeps apart: each value is rounded to f32, then multiplied. Absent: 1. */
  readonly factor?: number;
}

/**
 * Of every four successive inputs two are kept: w[n][k] = (code[k][n] - 2 ** (bits - 1)) * scale[g][n] for these, in f32, and 0 for the
 * others. The group of input k is floor(k / groupSize), of all inputs.
 */
export interface Sparse24Weight {
  readonly scheme: "sparse-24";
  /** A multiple of 32. */
  readonly inFeatures: number;
  /** A multiple of 64. */
  readonly outFeatures: number;
  readonly bits: 4 | 8;
  readonly groupSize: number;
  /** The file's own bytes, in the order that sparse-24.ts tells, as are the positions. */
  readonly codes: Uint8Array;
  readonly positions: Uint8Array;
  /** [group][outFeatures]. */
  readonly scales: Uint8Array;
  readonly scaleType: FloatType;
}

/** The 8-bit floats that weights are; tables of their values are in util/float8.ts. */
export type Float8Type = Exclude<Float8, "e8m0">;

/**
 * w[n][k] = value(code[n][k]) * scales[floor(n / scaleRows)][floor(k / groupSize)] in f32, or that value divided by the scale.
 *
 * A scale of the whole weight has scaleRows = outFeatures and groupSize = inFeatures, one of a channel scaleRows = 1. The last block in
 * either direction may be short.
 */
export interface Float8Weight {
  readonly scheme: "float8";
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly type: Float8Type;
  /** The file's own bytes, [outFeatures][inFeatures]. */
  readonly codes: Uint8Array;
  /** Outputs that share a scale. */
  readonly scaleRows: number;
  /** Inputs that share a scale. */
  readonly groupSize: number;
  /** [ceil(outFeatures / scaleRows)][ceil(inFeatures / groupSize)]; widened, since there are few. */
  readonly scales: Float32Array;
  /** True: values are divided by the scales, which rounds otherwise than a product with the reciprocal. */
  readonly divides: boolean;
}

/** Sixteen values under a name that people know. Their values are in the weight: files may bring their own. */
export type CodebookName = "nf4" | "fp4" | "e2m1";

/**
 * w[n][k] = table[code[i]] * scale[floor(i / groupSize)] in f32, where i = n * inFeatures + k: groups run on from one row to the next.
 */
export interface CodebookWeight {
  readonly scheme: "codebook";
  /** Even: a row is whole bytes. */
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly name: CodebookName;
  /** 16 values by code. */
  readonly table: Float32Array;
  /** The file's own bytes, [outFeatures][inFeatures / 2]. */
  readonly codes: Uint8Array;
  /** Which nibble of a byte the even input has. */
  readonly evenNibble: "low" | "high";
  readonly groupSize: number;
  /** ceil(outFeatures * inFeatures / groupSize) scales: f32, or one byte each where there is a table of what these stand for. */
  readonly scales: Uint8Array;
  /** 256 values. */
  readonly scaleTable?: Float32Array;
}

/**
 * How codes lie in the file; drawn in docs/layouts.md, with b for bits, K for inFeatures and N for outFeatures. What each can
 * hold is in code-order-limits.ts.
 * - `lsb-k`: 32-bit words [K * b / 32][N]; each column is one stream of codes along k, least significant bits first.
 * - `planar-k`: the same words, where 32 codes of a column are planes of their bits (4, 2 and 1 bit, lowest first), each a stream.
 * - `lsb-rows`: words [N][ceil(K * b / 32)]; each row is one stream along k.
 * - `word-rows`: words [N][ceil(K / floor(32 / b))]; a row is its codes along k, as many in a word as it holds whole.
 * - `byte-rows`: signed bytes [N][K] of code - 128.
 * - `awq-gemm`: words [K][N / 8]; nibble t of a word is output [0, 2, 4, 6, 1, 3, 5, 7][t] of its eight.
 * - `awq-gemv-fast`: 16-bit words [N / 4][K]; a word is one input of each of 4 successive eights of inputs.
 * - `marlin`: words [K / 16][N * b / 2], tiles of 16 inputs and 64 outputs in the order of a tensor core's operands.
 */
export type CodeOrder = (typeof codeOrders)[number];

export const codeOrders = [
  "lsb-k",
  "planar-k",
  "lsb-rows",
  "word-rows",
  "byte-rows",
  "awq-gemm",
  "awq-gemv-fast",
  "marlin",
] as const;

/** Codes without their scales: [K][N] in one of the orders. */
export type PackedCodes = Pick<AffineZeroWeight, "codes" | "order" | "bits" | "inFeatures" | "outFeatures">;

export interface PackedZeros {
  readonly bytes: Uint8Array;
  readonly order: ZeroOrder;
}

/**
 * How zero points lie in the file; drawn in docs/layouts.md. The names `lsb-n…` stand for words [group][outFeatures * bits / 32],
 * a stream along n, least significant bits first.
 * - `lsb-n`: a field is the zero point.
 * - `lsb-n-minus-one`: the zero points' words less one in every field, by word arithmetic with borrows (2, 4 and 8 bit) or field by field
 *   modulo 8 (3 bit). Undone the same way, because borrows do occur in real files: a zero point of 0 is stored as -1.
 * - `bytes`: one a byte, [group][outFeatures]: what formats unpack whose zero points lie in none of these; there is one for a group's
 *   many codes.
 * - `lsb-n-minus-legacy`: 3-bit words less the constants 24924924, 92492492, 49249249, as GPTQModel before 7.0 wrote them.
 */
export type ZeroOrder = (typeof zeroOrders)[number];

export const zeroOrders = ["lsb-n", "lsb-n-minus-one", "lsb-n-minus-legacy", "bytes"] as const;

/** A weight without its data: what kernels choose by, and what people are shown. */
export interface WeightSummary {
  readonly scheme: PackedWeight["scheme"];
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** Bits of one code or value; where widths are mixed their mean, to hundredths. */
  readonly bits: number;
  /** Absent: the scheme has no groups. Where sizes are mixed: the largest of whose multiples all groups begin. */
  readonly groupSize?: number;
  /** Absent: the scheme has no zero points. */
  readonly symmetric?: boolean;
  /** True: input features are permuted (act-order). */
  readonly reordered: boolean;
  /** The type of a dense weight's values, of float8 codes, of the scales, of the blocks, or the codebook's name. */
  readonly type: FloatType | BlockType | Float8Type | CodebookName;
  /** Bytes that hold the weight in the file. */
  readonly byteLength: number;
}

export function summarize(weight: PackedWeight): WeightSummary {
  const { scheme, inFeatures, outFeatures } = weight;
  switch (weight.scheme) {
    case "dense":
      return {
        scheme,
        inFeatures,
        outFeatures,
        bits: 8 * floatBytes[weight.type],
        reordered: false,
        type: weight.type,
        byteLength: weight.values.byteLength,
      };
    case "sparse-24":
      return {
        scheme,
        inFeatures,
        outFeatures,
        bits: weight.bits,
        groupSize: weight.groupSize,
        symmetric: true,
        reordered: false,
        type: weight.scaleType,
        byteLength: weight.codes.byteLength + weight.positions.byteLength + weight.scales.byteLength,
      };
    case "affine-zero":
      return {
        scheme,
        inFeatures,
        outFeatures,
        bits: weight.bits,
        groupSize: weight.groupSize,
        symmetric: weight.zeros === undefined,
        reordered: weight.rowOrder !== undefined,
        type: weight.scaleType,
        byteLength:
          weight.codes.byteLength +
          weight.scales.byteLength +
          (weight.zeros?.bytes.byteLength ?? 0) +
          (weight.rowOrder?.byteLength ?? 0),
      };
    case "affine-mixed":
      return {
        scheme,
        inFeatures,
        outFeatures,
        bits: meanBits(weight),
        groupSize: commonGroupSize(weight),
        symmetric: true,
        reordered: weight.rowOrder !== undefined,
        type: "f16",
        byteLength:
          weight.codes.byteLength +
          weight.scaleCodes.byteLength +
          weight.scaleMaxima.byteLength +
          (weight.rowOrder?.byteLength ?? 0),
      };
    case "block": {
      const { bits, groupSize } = blockLayouts[weight.type];
      return {
        scheme,
        inFeatures,
        outFeatures,
        bits,
        groupSize,
        reordered: false,
        type: weight.type,
        byteLength: weight.blocks.byteLength,
      };
    }
    case "float8":
      return {
        scheme,
        inFeatures,
        outFeatures,
        bits: 8,
        groupSize: weight.groupSize,
        reordered: false,
        type: weight.type,
        byteLength: weight.codes.byteLength + weight.scales.byteLength,
      };
    case "codebook":
      return {
        scheme,
        inFeatures,
        outFeatures,
        bits: 4,
        groupSize: weight.groupSize,
        reordered: false,
        type: weight.name,
        byteLength: weight.codes.byteLength + weight.scales.byteLength,
      };
  }
}

/** One line for messages: "4-bit affine-zero, groups of 128, act-order, 4096 → 6144". */
export function describeSummary(summary: WeightSummary): string {
  if (summary.scheme === "block") return `${summary.type}, ${summary.inFeatures} → ${summary.outFeatures}`;
  const isNamed = summary.scheme === "dense" || summary.scheme === "float8" || summary.scheme === "codebook";
  const parts = [isNamed ? `${summary.scheme} ${summary.type}` : `${summary.bits}-bit ${summary.scheme}`];
  if (summary.groupSize !== undefined)
    parts.push(summary.groupSize >= summary.inFeatures ? "one group" : `groups of ${summary.groupSize}`);
  if (summary.symmetric === false) parts.push("zero points");
  if (summary.reordered) parts.push("act-order");
  parts.push(`${summary.inFeatures} → ${summary.outFeatures}`);
  return parts.join(", ");
}
