import type { FloatType } from "../../weights/packed-weight.ts";
import { RecordWriter, type DevicePointer, type DeviceView } from "./record-writer.ts";

/** Records of native/cuda/affine_layout.cuh: what the kernels for tensor cores read of an affine weight. */
export interface AffineRecords {
  readonly memory: DevicePointer;
  readonly byteLength: number;
  /** Of each place along k, the input that stands there; absent: they are in their order. */
  readonly order?: DevicePointer;
  readonly bits: 2 | 3 | 4 | 8;
  readonly span: 32 | 64 | 128;
  readonly hasZeros: boolean;
  readonly scaleType: "f16" | "bf16";
  /** Outputs and their gates are interleaved. */
  readonly gated: boolean;
  readonly inputs: number;
  readonly outputs: number;
}

const tileOutputs = 16;
const recordInputs = 128;

export function recordBytes({ bits, span, hasZeros }: Pick<AffineRecords, "bits" | "span" | "hasZeros">): number {
  return (tileOutputs * recordInputs * bits) / 8 + (recordInputs / span) * tileOutputs * (hasZeros ? 3 : 2);
}

export const tileCount = ({ outputs }: Pick<AffineRecords, "outputs">): number => Math.ceil(outputs / tileOutputs);
export const recordCount = ({ inputs }: Pick<AffineRecords, "inputs">): number => Math.ceil(inputs / recordInputs);

/** What one launch of such a linear takes. */
export interface AffineLaunch {
  readonly kernel: string;
  readonly parameters: Uint8Array;
  readonly grid: readonly [x: number, y: number, z: number];
  readonly threads: number;
  readonly sharedBytes: number;
}

export interface AffineOperands {
  readonly records: AffineRecords;
  readonly step: DevicePointer;
  readonly bias: DevicePointer;
  /** In the order of the records. */
  readonly input: DeviceView;
  readonly residual: DeviceView | undefined;
  readonly out: DeviceView;
  readonly rowsAt: number;
  readonly glu: number;
  readonly gluLimit: number;
  readonly scale: number;
  readonly dtype: Exclude<FloatType, "f32">;
  /** For sums of tiles that blocks share: see AffineLinearManyParams. */
  readonly sums: DevicePointer;
  readonly flags: DevicePointer;
  readonly multiprocessors: number;
  readonly sharedBytes: number;
}

/** Bytes of `sums`: a tile of f32 for every block. */
export const sharedTileBytes = 4 * 256 * 128;

/** Shared memory of a block that has a multiprocessor to itself, of one of two that share it, and of one that has a ring deep enough. */
const wholeProcessor = 232_448;
const halfProcessor = 113 << 10;
const deepRing = 180 << 10;
/** Tiles that a warp sums at once, f32 of 4 registers a lane for each of their eights of rows. */
const tilesAtOnce = 3;

/** Of linear_affine_decode: warps, records of a slot of a warp's ring, slots, and rows of tiles whose sums meet at once. */
const decodeWarps = 16;
const decodeCopyRecords = 2;
const decodeSlots = { least: 2, most: 4 } as const;
const mostMeetingRows = 16;
const mostDecodeRows = 8;

/** An RMS norm of whole rows that a linear computes for itself. */
export interface FoldedNorm {
  readonly weight: DevicePointer;
  readonly eps: number;
}

/**
 * Up to 8 rows whose whole input fits into shared memory (linear_affine_decode.cu). `operands.input` is in its own order, and with a norm not
 * normed yet. Absent: there are more rows, or no room for two copies of weights for every warp.
 */
export function decodeLaunch(operands: AffineOperands, rows: number, norm?: FoldedNorm): AffineLaunch | undefined {
  if (rows > mostDecodeRows) return undefined;
  const { records, dtype, multiprocessors } = operands;
  const count = recordCount(records);
  const meetingTiles = Math.min(tilesOfBlock(operands), Math.floor(mostMeetingRows / rows));
  const input = rows * count * recordInputs * 2;
  const beginnings = count * (recordInputs / records.span) * mostDecodeRows * 8;
  const sums = 4 * meetingTiles * decodeWarps * (rows * tileOutputs + 2);
  const squares = 4 * mostDecodeRows * decodeWarps;
  const fixed = input + beginnings + sums + squares;
  const slot = decodeWarps * decodeCopyRecords * recordBytes(records);
  const slots = Math.min(decodeSlots.most, Math.floor((wholeProcessor - fixed) / slot));
  if (slots < decodeSlots.least) return undefined;
  const parameters = new Uint8Array(152);
  parameters.set(linearRecord(operands, rows, slots, 0));
  parameters.set(
    new RecordWriter(24)
      .pointer(records.order)
      .pointer(norm?.weight)
      .float(norm?.eps ?? 0)
      .int(meetingTiles)
      .bytes(),
    128,
  );
  return {
    kernel: `linear_affine_decode_${dtype}_${records.bits}_${records.span}`,
    parameters,
    grid: [Math.min(tileCount(records), multiprocessors), 1, 1],
    threads: 32 * decodeWarps,
    // Never two blocks of a launch on one multiprocessor: they would take twice as long as the others.
    sharedBytes: Math.max(fixed + slots * slot, halfProcessor + 1024),
  };
}

/** Tiles of outputs that fall to each block of a launch. */
function tilesOfBlock({ records, multiprocessors }: AffineOperands): number {
  return Math.ceil(tileCount(records) / multiprocessors);
}

/**
 * Up to 32 rows: bound by reading the weights (linear_affine_few.cu). `rows` is the most that the launch is for. Absent: two copies of the
 * weights, of 8 bits, do not fit beside the input.
 */
export function fewRowsLaunch(operands: AffineOperands, rows: number): AffineLaunch | undefined {
  const { records, dtype, multiprocessors } = operands;
  const eights = rows <= 8 ? 1 : rows <= 16 ? 2 : 4;
  const warps = eights === 2 ? 16 : 8;
  const warpRecords = eights === 1 ? 2 : 1;
  const inputBudget = (eights === 2 ? 128 : 64) << 10;
  const copyRecords = warps * warpRecords;
  const chunks = Math.ceil(recordCount(records) / copyRecords);
  const stage = rows * warpRecords * recordInputs * 2;
  const stages = chunks * stage * warps <= inputBudget ? chunks : Math.min(2, chunks);
  const inputSums = warpRecords * (recordInputs / records.span) * eights * 32;
  const fixed = warps * stages * (stage + inputSums) + warps * tilesAtOnce * eights * 512;
  const tiles = tilesOfBlock(operands);
  const slot = copyRecords * recordBytes(records) + 16;
  const fitting = (budget: number): number => Math.min(tiles * chunks, 32, Math.floor((budget - fixed) / slot));
  // Two blocks share a multiprocessor, unless that leaves too little of a ring.
  const isShared = eights === 1 && fitting(halfProcessor) >= Math.min(tiles * chunks, tiles >= 8 ? 4 : 2);
  const slots = Math.max(2, fitting(isShared ? halfProcessor : eights === 1 ? deepRing : wholeProcessor));
  if (fixed + slots * slot > wholeProcessor) return undefined;
  return {
    kernel: `linear_affine_few${8 * eights}_${dtype}_${records.bits}_${records.span}`,
    parameters: linearRecord(operands, rows, slots, stages),
    // Never fewer blocks than multiprocessors: two of one launch would meet on one of them, and take twice as long.
    grid: [Math.min(tileCount(records), multiprocessors), 1, 1],
    threads: 32 * (warps + 1),
    sharedBytes: fixed + slots * slot,
  };
}

/** Whether 17 to 32 rows are still bound by reading the weights. */
export function isFewFor32(operands: AffineOperands): boolean {
  return tilesOfBlock(operands) <= 4;
}

/** Tiles of the many-rows kernel, [outputs, rows], by the most rows that they are best for. */
const manyTiles = [
  [32, 128, 32],
  [64, 128, 64],
  [256, 128, 128],
  [Infinity, 256, 128],
] as const;

/** Rows of a tile for a launch of so many rows: of the box of the input's tensor map. */
export function manyTileRows(rows: number): number {
  return manyTile(rows)[2];
}

function manyTile(rows: number): (typeof manyTiles)[number] {
  return manyTiles.find(([most]) => rows <= most) ?? manyTiles[manyTiles.length - 1];
}

/** Many rows: bound by tensor cores (linear_affine_many.cu). `inputMap`: a tensor map of the input. */
export function manyRowsLaunch(operands: AffineOperands, rows: number, inputMap: Uint8Array): AffineLaunch {
  const { records, dtype, multiprocessors, sharedBytes: most } = operands;
  const [, outputsOfTile, rowsOfTile] = manyTile(rows);
  const scratch = 8 * 1536;
  const weights = (outputsOfTile / tileOutputs) * recordBytes(records);
  const stage = rowsOfTile * 256 + Math.ceil(weights / 1024) * 1024;
  const slots = Math.min(16, Math.floor((most - 2048 - scratch) / stage));
  const parameters = new Uint8Array(320);
  parameters.set(inputMap);
  parameters.set(linearRecord(operands, rows, slots, 0), 128);
  parameters.set(
    new RecordWriter(64)
      .pointer(operands.sums)
      .pointer(operands.flags)
      .int(...new Array<number>(12).fill(0))
      .bytes(),
    256,
  );
  return {
    kernel: `linear_affine_many${outputsOfTile}x${rowsOfTile}_${dtype}_${records.bits}`,
    parameters,
    grid: [multiprocessors, 1, 1],
    threads: 384,
    sharedBytes: 2048 + slots * stage + scratch,
  };
}

/** AffineLinearParams of native/cuda/linear_affine.cuh. */
function linearRecord(operands: AffineOperands, rows: number, slots: number, stages: number): Uint8Array {
  const { records, step, bias, input, residual, out, rowsAt, glu, gluLimit, scale } = operands;
  return new RecordWriter(128)
    .pointer(step)
    .pointer(records.memory)
    .pointer(bias)
    .view(input)
    .view(residual)
    .view(out)
    .int(rowsAt, records.inputs, records.outputs, records.span, records.hasZeros ? 1 : 0)
    .int(records.scaleType === "f16" ? 1 : 2, glu)
    .float(gluLimit)
    .float(scale)
    .int(rows, slots, stages, 0, 0)
    .bytes();
}
