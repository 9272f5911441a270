import type { CharTable } from "./char-table.ts";

/** What a pattern is compiled to: code of instructions.ts and what it refers to. */
export interface RegexProgram {
  readonly code: Int32Array;
  readonly tables: readonly CharTable[];
  /** The first code points of all tables, one byte each: 1 at [table * lowCodePoints + code point] if it has it. */
  readonly low: Uint8Array;
  /** What every match begins with; undefined where it may be empty or anything. */
  readonly firstTable: number | undefined;
  readonly registerCount: number;
  /** The first registers: where each group begins and ends, 0 and 1 being unused. */
  readonly groupSlots: number;
}
