import { totalmem } from "node:os";

export interface MachineMemory {
  readonly totalBytes: number;
  /** Free and what the system would give up, within the limit of a control group. */
  readonly freeBytes: number;
  /** What a control group leaves the process of it; null: all. */
  readonly limitBytes: number | null;
}

export function machineMemory(): MachineMemory {
  const [totalBytes, limit] = [totalmem(), process.constrainedMemory()];
  return {
    totalBytes,
    freeBytes: process.availableMemory(),
    limitBytes: limit > 0 && limit < totalBytes ? limit : null,
  };
}
