import type { Op, Program, View } from "../../device/program.ts";

/**
 * The RMS norms that their readers could compute for themselves: by the norm's place among the ops those of its readers, all linears. Such
 * a norm is of whole rows, nothing else looks at what it writes, and its input is still there until the last reader has ended.
 */
export function foldableNorms({ ops, hidden }: Program): ReadonlyMap<number, readonly number[]> {
  const found = new Map<number, readonly number[]>();
  for (const [at, norm] of ops.entries()) {
    if (norm.op !== "rms-norm" || norm.groupWidth !== norm.input.width) continue;
    const { input, out } = norm;
    if (out.buffer === input.buffer || out.buffer === hidden?.buffer) continue;
    const readers = readersOf(ops, at, out, input);
    if (readers !== undefined && readers.length > 0) found.set(at, readers);
  }
  return found;
}

/** Undefined: what op `at` writes as `out` is read by others than linears, or after its own input has been written over. */
function readersOf(ops: readonly Op[], at: number, out: View, input: View): readonly number[] | undefined {
  const readers: number[] = [];
  let isInputThere = true;
  for (let i = at + 1; i < ops.length; i++) {
    const op = ops[i];
    const views = viewsOf(op);
    const reads = views.filter(([name, { buffer }]) => name !== "out" && buffer === out.buffer);
    if (reads.length > 0) {
      const isInput = reads.length === 1 && reads[0][0] === "input" && isSame(reads[0][1], out);
      if (op.op !== "linear" || !isInput || !isInputThere || op.out.buffer === input.buffer) return undefined;
      readers.push(i);
    }
    const writes = views.filter(([name]) => name === "out" || (op.op === "rope-write" && name === "q"));
    for (const [, view] of writes) {
      if (view.buffer === out.buffer) return isSame(view, out) ? readers : undefined;
      if (view.buffer === input.buffer) isInputThere = false;
    }
  }
  return readers;
}

const isSame = (a: View, b: View): boolean => a.buffer === b.buffer && a.offset === b.offset && a.width === b.width;

/** The views that an op has, by the names of its members. */
function viewsOf(op: Op): readonly (readonly [string, View])[] {
  return Object.entries(op).filter((member): member is [string, View] => {
    const value: unknown = member[1];
    return typeof value === "object" && value !== null && "buffer" in value;
  });
}
