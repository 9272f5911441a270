import type { JsonObject } from "../util/json.ts";
import type { WeightError } from "./plot/weight-errors.ts";
import type { Runner } from "./find-runners.ts";
import type { MachineMemory } from "./machine-memory.ts";

/** What is found; `--json` prints it: all but the last three is a contract with scripts. */
export interface Inspection {
  readonly format: string;
  /** Why nothing reads it: weights are then the file's tensors as they are stored. Absent: it can be read. */
  readonly unreadable?: string;
  /** The quantization config; null: there is none. */
  readonly declared: JsonObject | null;
  /** As config.json names it; null: nothing does. */
  readonly architecture: string | null;
  readonly parameters: number;
  /** Of all weights together, scales and zero points included; null: there are none, or they cannot be told apart. */
  readonly bitsPerWeight: number | null;
  readonly weights: readonly InspectedWeight[];
  /** How far each linear is from that of another checkpoint; absent: none was named. */
  readonly errors?: readonly WeightError[];
  readonly byteLength: number;
  readonly backends: readonly Runner[];
  /** What this machine has, for what a backend would take. */
  readonly memory: MachineMemory;
}

interface InspectedWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly scheme: string;
  readonly bits: number;
  readonly groupSize?: number;
  readonly sha256?: string;
}
