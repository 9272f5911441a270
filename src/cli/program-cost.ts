import type { Device, PreparedWeight } from "../device/backend.ts";
import type { LinearOp, Program } from "../device/program.ts";

export interface DecodeLoad {
  /** Sequences that one step continues. */
  readonly batch: number;
  /** Positions that each of them sees. */
  readonly positions: number;
}

/**
 * Bytes that a decode step must read for each of its tokens: every weight that is multiplied, once a step whatever the
 * batch; of an embedding the token's row only; keys and values of all positions seen.
 */
export function decodeBytesPerToken(
  program: Program,
  weights: readonly Pick<PreparedWeight, "byteLength">[],
  device: Pick<Device, "pageBytes" | "pageSize">,
  { batch, positions }: DecodeLoad,
): number {
  const multiplied = new Set(linearsOf(program).map(({ weight }) => weight));
  let bytes = 0;
  for (const id of multiplied) bytes += weights[id].byteLength / batch;
  for (const op of program.ops) {
    if (op.op === "embed") bytes += weights[op.table].byteLength / program.weights[op.table].outFeatures;
  }
  for (const cache of program.caches) {
    const seen = Math.min(positions, program.pageKinds[cache.pageKind].window ?? Infinity);
    bytes += (seen * device.pageBytes(cache)) / device.pageSize;
  }
  return bytes;
}

/** Operations of all linears over a prompt, a multiply-add being two; the head counts for the last row only. */
export function promptOperations(program: Program, tokens: number): number {
  let operations = 0;
  for (const { weight, input } of linearsOf(program)) {
    const { inFeatures, outFeatures } = program.weights[weight];
    const rows = program.buffers[input.buffer].rows === "outputs" ? 1 : tokens;
    operations += 2 * inFeatures * outFeatures * rows;
  }
  return operations;
}

function linearsOf({ ops }: Program): readonly LinearOp[] {
  return ops.filter((op) => op.op === "linear");
}
