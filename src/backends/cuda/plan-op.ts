import type { AttentionOp, BufferRows, LinearOp, Op, RmsNormOp, View } from "../../device/program.ts";
import type { FloatType } from "../../weights/packed-weight.ts";
import {
  decodeLaunch,
  fewRowsLaunch,
  isFewFor32,
  manyRowsLaunch,
  manyTileRows,
  type AffineOperands,
  type FoldedNorm,
} from "./affine-linear.ts";
import type { CudaWeight } from "./cuda-weight.node.ts";
import {
  encodeOp,
  gluCode,
  gluLimit,
  rowsFields,
  type KernelLaunch,
  type OpLaunch,
  type ProgramPlaces,
} from "./encode-op.ts";
import { foldableNorms } from "./folded-norms.ts";
import { RecordWriter, type DevicePointer, type DeviceView } from "./record-writer.ts";

/** An op as launches, one way or another by the number of rows: the first that takes as many. */
export interface OpPlan {
  readonly rows: BufferRows;
  /** Ascending; the last takes any number. */
  readonly ways: readonly { readonly mostRows: number; readonly launches: readonly KernelLaunch[] }[];
}

/** Memory of an executable that its fast kernels share, one launch after the other. */
export interface Workspace {
  /** Of linear_affine_many. */
  readonly sums: DevicePointer;
  readonly flags: DevicePointer;
  /** Inputs in a weight's own order, [rows][inputs]. */
  readonly ordered: DevicePointer;
  /** Of attention_split. */
  readonly shares: DevicePointer;
  readonly arrivals: DevicePointer;
}

export interface PlanPlaces extends ProgramPlaces {
  readonly dtype: FloatType;
  readonly multiprocessors: number;
  readonly sharedBytes: number;
  /** Of a step. */
  readonly mostSequences: number;
  readonly workspace: Workspace;
  tensorMap(of: {
    readonly base: DevicePointer;
    readonly type: "f16" | "bf16";
    readonly columns: number;
    readonly rows: number;
    readonly stride: number;
    readonly boxRows: number;
  }): Uint8Array;
}

/** Of every op the fastest kernels that take it. Norms are folded into the linears behind them as far as these take that. */
export function planOps(places: PlanPlaces): readonly OpPlan[] {
  const { ops } = places.program;
  const plans = ops.map((op) => planOp(op, places));
  for (const [at, readers] of foldableNorms(places.program)) {
    const norm = ops[at] as RmsNormOp;
    const rows = Math.min(...readers.map((reader) => mostFoldedRows(ops[reader] as LinearOp, norm, places)));
    if (rows === 0) continue;
    plans[at] = { ...plans[at], ways: [{ mostRows: rows, launches: [] }, ...plans[at].ways] };
    for (const reader of readers) plans[reader] = withNorm(plans[reader], ops[reader] as LinearOp, norm, rows, places);
  }
  return plans;
}

function planOp(op: Op, places: PlanPlaces): OpPlan {
  const fast =
    op.op === "linear" ? planLinear(op, places) : op.op === "attention" ? planAttention(op, places) : undefined;
  if (fast !== undefined) return fast;
  const launch = op.op === "rms-norm" ? planNorm(op, places) : encodeOp(op, places);
  return { rows: launch.rows, ways: [{ mostRows: Infinity, launches: [launch] }] };
}

// -- Linears -------------------------------------------------------------------------------------------------------------------------

/** Rows that graphs are captured for and launches are made for. */
const fewRows = [1, 2, 4, 8, 16] as const;
const manyRows = [32, 64, 256] as const;

/** Of linear_dense_1 and _8: outputs of a block, and rows that read a weight once. */
const denseOutputs = 16;
const denseRows = 8;

/** Of linear_dense_many: outputs of a block, rows that it is compiled for, threads, and inputs of a stage in shared memory. */
const denseManyOutputs = 256;
const denseManyRows = [8, 16, 32, 64] as const;
const denseManyThreads = 256;
const denseManyStages = 4;
const denseManyInputs = 64;

/** Whether the views are of a 16-bit type and begin at multiples of 16 bytes in every row. */
function areAligned(...views: readonly (DeviceView | undefined)[]): boolean {
  return views.every(
    (view) => view === undefined || (view.type !== 0 && view.base % 16n === 0n && view.stride % 8 === 0),
  );
}

/** What the records of an affine weight are multiplied by: undefined where the views are of no use for that. */
export function takesRecords(op: LinearOp, view: (of: View) => DeviceView): boolean {
  return op.out.width % 8 === 0 && areAligned(view(op.input), view(op.out), op.residual && view(op.residual));
}

function planLinear(op: LinearOp, places: PlanPlaces): OpPlan | undefined {
  const weight = places.weights[op.weight];
  const rows = places.program.buffers[op.out.buffer].rows;
  if (weight.records !== undefined) return planAffine(op, places, rows);
  if (weight.shape.scheme === "dense" && op.glu === undefined) return planDense(op, places, rows, weight);
  return undefined;
}

function planDense(op: LinearOp, places: PlanPlaces, rows: BufferRows, weight: CudaWeight): OpPlan | undefined {
  const plain = encodeOp(op, places);
  const input = places.view(op.input);
  const { type } = weight.shape;
  if (type === undefined || type === "f32" || op.input.width % 8 !== 0 || !areAligned(input)) return undefined;
  const launch = (kernel: string, rowsAtOnce: number): KernelLaunch => ({
    ...plain,
    kernel,
    grid: (count) => [Math.ceil(op.out.width / denseOutputs), Math.ceil(count / rowsAtOnce), 1],
  });
  const one = { mostRows: 1, launches: [launch("linear_dense_1", 1)] };
  const many = (rowsAtOnce: number): KernelLaunch => ({
    ...plain,
    kernel: `linear_dense_many${rowsAtOnce}_${type}`,
    grid: (count) => [Math.ceil(op.out.width / denseManyOutputs), Math.ceil(count / rowsAtOnce), 1],
    threads: denseManyThreads,
    sharedBytes: 2 * denseManyStages * (denseManyOutputs + rowsAtOnce) * denseManyInputs,
  });
  const [fewest] = denseManyRows;
  const most = denseManyRows[denseManyRows.length - 1];
  const fits = type === places.dtype && (many(most).sharedBytes ?? 0) <= places.sharedBytes;
  const few = launch("linear_dense_8", denseRows);
  if (!fits) return { rows, ways: [one, { mostRows: Infinity, launches: [few] }] };
  // Where there are too few blocks for all multiprocessors, reading a weight once is worth less than reading many at a time.
  const fillsDevice = op.out.width / denseManyOutputs >= places.multiprocessors;
  const ways = denseManyRows.map((rowsAtOnce) => ({
    mostRows: rowsAtOnce === most ? Infinity : rowsAtOnce,
    launches: [rowsAtOnce === fewest && !fillsDevice ? few : many(rowsAtOnce)],
  }));
  return { rows, ways: [one, ...ways] };
}

/** What multiplies by the records of a weight, reading `source`; undefined where there are none, or they are of no use. */
function affineOperands(op: LinearOp, source: View, places: PlanPlaces): AffineOperands | undefined {
  const { records } = places.weights[op.weight];
  const { dtype, workspace, multiprocessors, sharedBytes } = places;
  if (records === undefined || dtype === "f32") return undefined;
  return {
    records,
    step: places.step,
    bias: op.bias === undefined ? 0n : places.vectors[op.bias],
    input: places.view(source),
    residual: op.residual && places.view(op.residual),
    out: places.view(op.out),
    rowsAt: rowsFields[places.program.buffers[op.out.buffer].rows],
    glu: gluCode(op.glu),
    gluLimit: gluLimit(op.glu),
    scale: op.scale ?? 1,
    dtype,
    sums: workspace.sums,
    flags: workspace.flags,
    multiprocessors,
    sharedBytes,
  };
}

function planAffine(op: LinearOp, places: PlanPlaces, rows: BufferRows): OpPlan | undefined {
  const operands = affineOperands(op, op.input, places);
  if (operands === undefined) return undefined;
  const { records, dtype } = operands;
  const most = places.mostRows[rows];
  const source = operands.input;
  const ordered = { ...source, base: places.workspace.ordered, stride: Math.ceil(records.inputs / 8) * 8 };
  const input = records.order === undefined ? source : ordered;
  const inOrder: AffineOperands = { ...operands, input };
  const gather: readonly KernelLaunch[] =
    records.order === undefined
      ? []
      : [
          {
            kernel: "affine_gather",
            parameters: new RecordWriter(56)
              .pointer(places.step)
              .pointer(records.order)
              .view(source)
              .view(ordered)
              .int(rowsFields[rows], records.inputs)
              .bytes(),
            grid: (count) => [Math.ceil(records.inputs / 2048), Math.min(count, 1024), 1],
            threads: 256,
          },
        ];
  const many = (count: number): KernelLaunch => {
    const boxRows = manyTileRows(count);
    const map = places.tensorMap({
      base: input.base,
      type: dtype,
      columns: records.inputs,
      rows: most,
      stride: input.stride,
      boxRows,
    });
    return manyRowsLaunch(inOrder, Math.min(count, most), map);
  };
  const ways = [
    ...[...fewRows, ...(isFewFor32(operands) ? [32] : [])].map((count) => {
      const decode = decodeLaunch(operands, count);
      return {
        mostRows: count,
        launches: decode ? [decode] : [...gather, fewRowsLaunch(inOrder, count) ?? many(count)],
      };
    }),
    ...[...manyRows, Infinity].map((count) => ({ mostRows: count, launches: [...gather, many(count)] })),
  ];
  return {
    rows,
    ways: [...ways.filter(({ mostRows }) => mostRows < most), { ...firstFor(ways, most), mostRows: Infinity }],
  };
}

function firstFor(ways: OpPlan["ways"], rows: number): OpPlan["ways"][number] {
  return ways.find(({ mostRows }) => rows <= mostRows) ?? ways[ways.length - 1];
}

/** A linear that takes a norm's input and norms it: one launch for up to so many rows. */
function foldedLaunch(op: LinearOp, norm: RmsNormOp, rows: number, places: PlanPlaces): KernelLaunch | undefined {
  const { input } = norm;
  const folded: FoldedNorm = { weight: places.vectors[norm.weight], eps: norm.eps };
  const isAligned = areAligned(places.view(input));
  const operands = isAligned && input.width <= widestNorm ? affineOperands(op, input, places) : undefined;
  return operands && decodeLaunch(operands, rows, folded);
}

/** Up to how many rows a linear takes a norm; 0: it does not. */
function mostFoldedRows(op: LinearOp, norm: RmsNormOp, places: PlanPlaces): number {
  return Math.max(0, ...fewRows.filter((rows) => foldedLaunch(op, norm, rows, places) !== undefined));
}

/** The same plan, with other launches for up to so many rows. */
function withNorm(plan: OpPlan, op: LinearOp, norm: RmsNormOp, rows: number, places: PlanPlaces): OpPlan {
  const folded = fewRows
    .filter((count) => count <= rows)
    .map((count) => ({ mostRows: count, launches: [foldedLaunch(op, norm, count, places)!] }));
  return { ...plan, ways: [...folded, ...plan.ways.filter(({ mostRows }) => mostRows > rows)] };
}

// -- Norms ---------------------------------------------------------------------------------------------------------------------------

/** Columns that rms_norm_wide holds in registers. */
const widestNorm = 8192;
const wideThreads = 512;

function planNorm(op: RmsNormOp, places: PlanPlaces): OpLaunch {
  const plain = encodeOp(op, places);
  const { width } = op.input;
  const isWide = plain.kernel === "rms_norm_rows" && width <= widestNorm && width % 8 === 0;
  if (!isWide || !areAligned(places.view(op.input), places.view(op.out))) return plain;
  return { ...plain, kernel: "rms_norm_wide", threads: wideThreads };
}

// -- Attention -----------------------------------------------------------------------------------------------------------------------

/** Dimensions of a head that attention_split is compiled for, and query heads that may share one of keys. */
const splitDims: readonly number[] = [64, 128, 256];
const splitGroup = 8;
const splitThreads = 128;

/** Runs that a context is cut into where there are few tokens: two blocks for every multiprocessor, at most a page or so each. */
const mostSplits = 16;
/** Tokens that attention_split cuts contexts for: what `shares` and `arrivals` have room for. */
export const mostSplitTokens = 64;

/** Bytes of `shares` and `arrivals` for an attention; 0: it does not use them. */
export function splitBytes(
  heads: number,
  kvHeads: number,
  headDim: number,
): { readonly shares: number; readonly arrivals: number } {
  return { shares: 4 * mostSplitTokens * heads * mostSplits * (headDim + 2), arrivals: 4 * mostSplitTokens * kvHeads };
}

/** Dimensions of a head that attention_tiled is compiled for, and the rows and keys of its tiles. */
const tiledDims: readonly number[] = [16, 32, 64, 80, 96, 128, 256];
const tiledRows = 64;
const tiledThreads = 128;

function planAttention(op: AttentionOp, places: PlanPlaces): OpPlan | undefined {
  if (places.dtype === "f32" || !areAligned(places.view(op.q), places.view(op.out))) return undefined;
  const tiled = planTiled(op, places);
  const split = planSplit(op, places);
  if (split === undefined) return tiled && { rows: "tokens", ways: [{ mostRows: Infinity, launches: [tiled] }] };
  const ways = [
    { mostRows: tiled === undefined ? Infinity : mostSplitTokens, launches: [split] },
    ...(tiled === undefined ? [] : [{ mostRows: Infinity, launches: [tiled] }]),
  ];
  return { rows: "tokens", ways };
}

/** For many tokens. */
function planTiled(op: AttentionOp, places: PlanPlaces): KernelLaunch | undefined {
  const { program, cacheType, mostSequences } = places;
  const { kvHeads, headDim } = program.caches[op.cache];
  const group = op.q.width / headDim / kvHeads;
  if (cacheType !== "f16" || !tiledDims.includes(headDim) || group > tiledRows) return undefined;
  const keys = headDim <= 128 ? 64 : 32;
  const sharedBytes = 2 * headDim * (4 * keys + (headDim >= 128 ? tiledRows : 0));
  if (sharedBytes > places.sharedBytes) return undefined;
  const tileTokens = Math.floor(tiledRows / group);
  return {
    kernel: `attention_tiled_${headDim}`,
    parameters: encodeOp(op, places).parameters,
    // Every sequence may have one tile that is not full.
    grid: (tokens) => [Math.min(tokens, Math.floor(tokens / tileTokens) + mostSequences), kvHeads, 1],
    threads: tiledThreads,
    sharedBytes,
  };
}

/** For few tokens. */
function planSplit(op: AttentionOp, places: PlanPlaces): KernelLaunch | undefined {
  const { program, cacheType, workspace, multiprocessors } = places;
  const { kvHeads, headDim } = program.caches[op.cache];
  const group = op.q.width / headDim / kvHeads;
  if (cacheType !== "f16" || !splitDims.includes(headDim) || group > splitGroup) return undefined;
  const splits = (tokens: number): number =>
    tokens > mostSplitTokens ? 1 : Math.min(mostSplits, Math.ceil((2 * multiprocessors) / (tokens * kvHeads)));
  const parameters = new Uint8Array(104);
  parameters.set(encodeOp(op, places).parameters);
  parameters.set(new RecordWriter(16).pointer(workspace.shares).pointer(workspace.arrivals).bytes(), 88);
  return {
    kernel: `attention_split_${headDim}`,
    parameters,
    grid: (tokens) => [splits(tokens), kvHeads, tokens],
    threads: splitThreads,
  };
}
