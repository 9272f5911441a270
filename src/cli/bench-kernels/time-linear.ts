import type { Device, Executable, PreparedWeight } from "../../device/backend.ts";
import type { LinearOp, Program, WeightSpec } from "../../device/program.ts";
import type { Step } from "../../device/step.ts";
import { summarize, type PackedWeight } from "../../weights/packed-weight.ts";
import { fillFromPattern, randomHalves } from "../synthetic/pattern.ts";

/** Weights of one timing are more than any cache holds, so that each comes from memory. */
const coldBytes = 256 * 2 ** 20;
const mostCopies = 64;

export interface LinearTiming {
  readonly kernel: string;
  readonly byteLength: number;
  /** Microseconds of one linear, one figure a repetition. */
  readonly microseconds: readonly number[];
}

/**
 * Times a linear over so many rows: a program of copies of it, less the same program without them, since a step costs time of its own.
 * `makeWeight` is called for every copy: a device may keep the bytes that it is given.
 */
export async function timeLinear(
  device: Device,
  makeWeight: () => PackedWeight,
  rows: number,
  repetitions: number,
): Promise<LinearTiming> {
  const prepared: PreparedWeight[] = [];
  try {
    const weight = makeWeight();
    const { inFeatures } = weight;
    prepared.push(await device.prepare([inputTable(inFeatures)]), await device.prepare([weight]));
    const { byteLength, kernel } = prepared[1];
    const copies = Math.min(mostCopies, Math.max(2, Math.ceil(coldBytes / byteLength)));
    while (prepared.length < 1 + copies) prepared.push(await device.prepare([makeWeight()]));

    const load = (count: number): Promise<Executable> =>
      device.load({
        program: linearProgram(inputTable(inFeatures), weight, count),
        weights: prepared.slice(0, 1 + count),
        vectors: [],
        limits: { maxTokens: rows, maxSequences: 1, maxOutputs: 1, pageSize: device.pageSize, pageCounts: [] },
      });
    await using all = await load(copies);
    await using none = await load(0);
    const step = stepOf(rows);
    await time(all, step); // warms up
    const microseconds: number[] = [];
    for (let repetition = 0; repetition < repetitions; repetition++) {
      const overhead = await time(none, step);
      microseconds.push((1000 * Math.max(0, (await time(all, step)) - overhead)) / copies);
    }
    return { kernel, byteLength, microseconds };
  } finally {
    for (const weight of prepared) weight[Symbol.dispose]();
  }
}

async function time(executable: Executable, step: Step): Promise<number> {
  const start = performance.now();
  await executable.step(step);
  return performance.now() - start;
}

const tableRows = 16;

/** What inputs are looked up in. */
function inputTable(inFeatures: number): PackedWeight {
  const values = new Uint8Array(2 * tableRows * inFeatures);
  fillFromPattern(values, randomHalves(1), 0);
  return { scheme: "dense", type: "f16", inFeatures, outFeatures: tableRows, values };
}

function linearProgram(table: PackedWeight, weight: PackedWeight, copies: number): Program {
  const spec = (part: PackedWeight, name: string): WeightSpec => ({
    parts: [name],
    inFeatures: part.inFeatures,
    outFeatures: part.outFeatures,
    summaries: [summarize(part)],
  });
  const input = { buffer: 0, offset: 0, width: weight.inFeatures };
  const out = { buffer: 1, offset: 0, width: weight.outFeatures };
  const linears = Array.from({ length: copies }, (_, copy): LinearOp => ({
    op: "linear",
    input,
    weight: 1 + copy,
    out,
  }));
  return {
    buffers: [
      { name: "input", rows: "tokens", width: weight.inFeatures },
      { name: "output", rows: "tokens", width: weight.outFeatures },
    ],
    weights: [spec(table, "table"), ...linears.map((_, copy) => spec(weight, `copy${copy}`))],
    vectors: [],
    ropes: [],
    pageKinds: [],
    caches: [],
    ops: [{ op: "embed", table: 0, out: input }, ...linears],
    vocabSize: tableRows,
  };
}

function stepOf(rows: number): Step {
  return {
    tokens: Int32Array.from({ length: rows }, (_, row) => row % tableRows),
    positions: Int32Array.from({ length: rows }, (_, row) => row),
    sequenceStarts: Int32Array.of(0, rows),
    slots: Int32Array.of(0),
    ropeVariants: Int32Array.of(0),
    pageTables: [],
    outputs: new Int32Array(0),
  };
}
