import type { Device } from "../../src/device/backend.ts";
import type { View } from "../../src/device/program.ts";
import { PageBook } from "./page-book.ts";
import { ProgramBuilder } from "./program-builder.ts";

/** The next `count` tokens of a sequence. */
export interface Chunk {
  readonly sequence: number;
  readonly count: number;
}

/** How the rows of an evaluation go through steps. */
export interface Schedule {
  /** Rows of each sequence; tokens are numbered through all of them, and are what `ProgramBuilder.input` looks up. */
  readonly lengths: readonly number[];
  /** The chunks of each step; absent: everything in one. */
  readonly steps?: readonly (readonly Chunk[])[];
  readonly pageSeed?: number;
  /** The rope variant of each sequence; absent: 0. */
  readonly ropeVariants?: readonly number[];
}

/** Adds the ops under test and says which view of tokens to report. */
export type Build = (program: ProgramBuilder) => View;

/** Runs ops on a device: [all tokens][width of the view that `build` returns]. */
export async function evaluate(device: Device, build: Build, schedule: Schedule): Promise<Float32Array> {
  const { lengths, pageSeed = 1, ropeVariants = lengths.map(() => 0) } = schedule;
  const steps = schedule.steps ?? [lengths.map((count, sequence) => ({ sequence, count }))];
  const firstTokens = lengths.map((_, s) => lengths.slice(0, s).reduce((sum, length) => sum + length, 0));
  const rows = lengths.reduce((sum, length) => sum + length, 0);
  const program = new ProgramBuilder(rows, device.dtype);
  const reported = build(program);
  const { width } = reported;
  program.report(reported);
  const book = new PageBook(program.pageKinds, lengths, device.pageSize, pageSeed);
  const maxTokens = Math.max(...steps.map((chunks) => chunks.reduce((sum, { count }) => sum + count, 0)));
  const limits = { maxTokens, maxSequences: lengths.length, maxOutputs: maxTokens, pageCounts: book.pageCounts };
  await using loaded = await program.load(device, limits);

  const out = new Float32Array(rows * width);
  const done = lengths.map(() => 0);
  for (const chunks of steps) {
    const firsts = chunks.map(({ sequence }) => done[sequence]);
    const ends = chunks.map(({ sequence, count }) => done[sequence] + count);
    const sequences = chunks.map(({ sequence }) => sequence);
    const positions = chunks.flatMap(({ count }, c) => Array.from({ length: count }, (_, i) => firsts[c] + i));
    const tokens = chunks.flatMap(({ sequence, count }, c) =>
      Array.from({ length: count }, (_, i) => firstTokens[sequence] + firsts[c] + i),
    );
    const { logits } = await loaded.executable.step({
      tokens: Int32Array.from(tokens),
      positions: Int32Array.from(positions),
      sequenceStarts: Int32Array.from([0, ...chunks], (_, c) =>
        chunks.slice(0, c).reduce((sum, { count }) => sum + count, 0),
      ),
      slots: Int32Array.from(sequences),
      ropeVariants: Int32Array.from(sequences, (sequence) => ropeVariants[sequence]),
      pageTables: book.tables(sequences, firsts, ends),
      outputs: Int32Array.from(tokens, (_, t) => t),
      wantsLogits: true,
    });
    if (logits === undefined) throw new Error("a step that wants logits gave none");
    tokens.forEach((token, t) => {
      const start = t * program.vocabSize;
      out.set(logits.subarray(start, start + width), token * width);
    });
    chunks.forEach(({ sequence, count }) => (done[sequence] += count));
  }
  return out;
}
