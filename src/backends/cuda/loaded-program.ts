import type { Program } from "../../device/program.ts";
import type { FloatType } from "../../weights/packed-weight.ts";
import type { CudaWeight } from "./cuda-weight.node.ts";
import type { OpPlan } from "./plan-op.ts";
import type { DevicePointer } from "./record-writer.ts";

/** A program with the memory that it has on the device. */
export interface LoadedProgram {
  readonly program: Program;
  /** In order; `step` is in their parameters. */
  plan(step: DevicePointer): readonly OpPlan[];
  /** Pieces of the device's memory that end with it. */
  readonly memory: readonly DevicePointer[];
  readonly byteLength: number;
  /** What the sample op reads; absent: there is no such op. */
  readonly logits?: ReportedRows;
  /** What `Program.hidden` says. */
  readonly hidden?: ReportedRows;
  readonly weights: readonly CudaWeight[];
}

/** Rows of outputs that a step can report. */
export interface ReportedRows {
  readonly base: DevicePointer;
  /** Elements of a row, and from one row to the next. */
  readonly width: number;
  readonly stride: number;
  readonly type: FloatType;
}
