import type { LinearOp, Program } from "../../device/program.ts";
import { bytesOf } from "../../util/bytes.ts";
import type { FloatType } from "../../weights/packed-weight.ts";
import { recordBytes, recordCount, tileCount, type AffineRecords } from "./affine-linear.ts";
import type { CudaContext } from "./cuda-context.node.ts";
import type { AffineFacts, CudaWeight } from "./cuda-weight.node.ts";
import type { ProgramPlaces } from "./encode-op.ts";
import { takesRecords } from "./plan-op.ts";
import { RecordWriter } from "./record-writer.ts";

/** Any number does: warps take records in turn. */
const prepareBlocks = 2048;
const prepareThreads = 128;

export interface RecordRequest {
  readonly program: Program;
  readonly weights: readonly CudaWeight[];
  readonly dtype: FloatType;
  readonly view: ProgramPlaces["view"];
}

/**
 * Brings the affine weights of a program into records (native/cuda/affine_layout.cuh), and frees the file's bytes where nothing else reads
 * them. It is the program that says whether outputs are interleaved with their gates. Work is queued, not awaited.
 */
export function makeRecords(context: CudaContext, { program, weights, dtype, view }: RecordRequest): void {
  const linears = new Map<CudaWeight, LinearOp[]>();
  const others = new Set<CudaWeight>();
  for (const op of program.ops) {
    if (op.op === "linear") linears.set(weights[op.weight], [...(linears.get(weights[op.weight]) ?? []), op]);
    else if (op.op === "embed") others.add(weights[op.table]);
    else if (op.op === "expert-linear") for (const id of op.weights) others.add(weights[id]);
  }
  for (const [weight, ops] of linears) {
    const { affine } = weight.shape;
    if (weight.kernel !== "linear_affine_mma" || dtype === "f32" || affine === undefined || affine.isDivided) continue;
    if (weight.records !== undefined || !ops.every((op) => takesRecords(op, view))) continue;
    const gated = ops.map(({ glu }) => glu !== undefined);
    if (gated.includes(true) && gated.includes(false)) continue;
    weight.setRecords(prepare(context, weight, affine, gated[0]), others.has(weight));
  }
}

function prepare(context: CudaContext, weight: CudaWeight, affine: AffineFacts, gated: boolean): AffineRecords {
  const { inFeatures: inputs, outFeatures: outputs } = weight.shape;
  const { bits, groupSize, hasZeros, scaleType, rowOrder } = affine;
  const span = groupSize === 32 || groupSize === 64 ? groupSize : 128;
  const isRecorded = (width: number): width is AffineRecords["bits"] => [2, 3, 4, 8].includes(width);
  if (!isRecorded(bits) || scaleType === "f32") throw new RangeError("linear_affine_mma refuses such weights");
  const form = { bits, span, hasZeros, scaleType, gated, inputs, outputs } as const;
  const recordsLength = tileCount(form) * recordCount(form) * recordBytes(form);
  const orderAt = Math.ceil(recordsLength / 256) * 256;
  const byteLength = orderAt + (rowOrder?.byteLength ?? 0);
  const memory = context.allocate(byteLength, `a weight ${inputs} → ${outputs} for tensor cores`);
  try {
    const order = rowOrder && memory + BigInt(orderAt);
    if (rowOrder !== undefined && order !== undefined) context.write(order, bytesOf(rowOrder), rowOrder.byteLength);
    const parameters = context.parametersOf(
      new RecordWriter(56)
        .pointer(weight.descriptor)
        .pointer(order)
        .pointer(memory)
        .int(inputs, outputs, bits, span, hasZeros ? 1 : 0, scaleType === "f16" ? 1 : 2, gated ? 1 : 0, 0)
        .bytes(),
    );
    const kernel = context.kernel("affine_prepare");
    context.launch({ kernel, grid: [prepareBlocks, 1, 1], threads: prepareThreads, sharedBytes: 0, parameters });
    return { ...form, memory, byteLength, ...(order !== undefined && { order }) };
  } catch (error) {
    context.free(memory);
    throw error;
  }
}
