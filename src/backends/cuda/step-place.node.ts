import { opCountOf, type BufferRows } from "../../device/program.ts";
import { StepBlock } from "../../device/step-block.ts";
import type { Step, StepResult } from "../../device/step.ts";
import { floatValues } from "../../weights/float-values.ts";
import { floatBytes } from "../../weights/packed-weight.ts";
import type { CudaContext, Launch, PinnedMemory } from "./cuda-context.node.ts";
import type { Handle } from "./cuda-driver.node.ts";
import type { LoadedProgram, ReportedRows } from "./loaded-program.ts";
import type { KernelLaunch } from "./encode-op.ts";
import type { DevicePointer } from "./record-writer.ts";

/** Steps of more tokens are launched one kernel after the other: the device has enough to do with each. */
const mostGraphTokens = 64;

/** Rows that graphs are captured for; a step of fewer leaves the rest of the blocks nothing to do. */
const graphRows = [0, 1, 2, 4, 8, 16, 24, 32, 48, mostGraphTokens] as const;

const leastWords = 2048;

/**
 * What one step has to itself while it runs: its arrays on both sides, its results, and the graphs, which hold their addresses. Where one
 * step is handed over while another runs, each needs a place of its own; the buffers in between are used by one after the other.
 */
export class StepPlace {
  readonly #context: CudaContext;
  readonly #loaded: LoadedProgram;
  readonly #block = new StepBlock();
  readonly #graphs = new Map<string, Handle>();
  readonly #end: Handle;
  #ops: readonly LaunchableOp[] = [];
  #memory: DevicePointer = 0n;
  /** What is copied to `memory`: the block itself may be written anew before the device has come to it. */
  #arrays: PinnedMemory | undefined;
  #words = 0;
  #results: PinnedMemory | undefined;

  /** Borrows `loaded`. Throws UnsupportedError where a kernel is not there, OutOfMemoryError. */
  constructor(context: CudaContext, loaded: LoadedProgram) {
    this.#context = context;
    this.#loaded = loaded;
    this.#end = context.event();
    try {
      this.#reserveArrays(leastWords);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Hands a checked step to the device, behind all that it has; resolves with its results. One at a time. */
  async run(step: Step): Promise<StepResult> {
    const block = this.#block;
    const { program, logits, hidden } = this.#loaded;
    const outputs = step.outputs.length;
    block.write(step);
    const arrays = this.#reserveArrays(block.length);
    new Int32Array(arrays.bytes.buffer, arrays.bytes.byteOffset, block.length).set(
      block.words.subarray(0, block.length),
    );
    this.#context.copy(this.#memory, arrays, 4 * block.length);
    const makesLogits = step.sampling !== undefined || step.wantsLogits === true || step.wantsHidden !== true;
    this.#launchAll({ tokens: step.tokens.length, outputs }, opCountOf(program, makesLogits));

    const sampleBytes = 4 * (block.length - block.resultsStart);
    const wantedLogits = step.wantsLogits === true ? logits : undefined;
    const wantedHidden = step.wantsHidden === true ? hidden : undefined;
    const logitBytes = bytesOfRows(wantedLogits, outputs);
    const results = this.#reserveResults(sampleBytes + logitBytes + bytesOfRows(wantedHidden, outputs));
    if (sampleBytes > 0) this.#context.read(results, 0, this.#memory + BigInt(4 * block.resultsStart), sampleBytes);
    this.#readRows(results, sampleBytes, wantedLogits, outputs);
    this.#readRows(results, sampleBytes + logitBytes, wantedHidden, outputs);
    await this.#context.finish(this.#end);

    const { buffer, byteOffset } = results.bytes;
    block.words.set(new Int32Array(buffer, byteOffset, sampleBytes / 4), block.resultsStart);
    const rowsAt = (at: number, rows: ReportedRows | undefined) =>
      rows && floatValues(results.bytes.slice(at, at + bytesOfRows(rows, outputs)), rows.type);
    return block.result(rowsAt(sampleBytes, wantedLogits), rowsAt(sampleBytes + logitBytes, wantedHidden));
  }

  /** Nothing of it may be running. */
  [Symbol.dispose](): void {
    this.#dropGraphs();
    this.#context.free(this.#memory);
    this.#arrays?.[Symbol.dispose]();
    this.#results?.[Symbol.dispose]();
    this.#context.freeEvent(this.#end);
  }

  /** Copies rows one behind the other, at once where they lie so. */
  #readRows(to: PinnedMemory, at: number, rows: ReportedRows | undefined, count: number): void {
    if (rows === undefined || count === 0) return;
    const size = floatBytes[rows.type];
    const copies = rows.stride === rows.width ? 1 : count;
    const bytes = bytesOfRows(rows, count) / copies;
    for (let copy = 0; copy < copies; copy++)
      this.#context.read(to, at + copy * bytes, rows.base + BigInt(copy * rows.stride * size), bytes);
  }

  #launchAll(rows: Readonly<Record<BufferRows, number>>, opCount: number): void {
    if (rows.tokens > mostGraphTokens) return this.#launchOps(rows, opCount);
    const padded = { tokens: graphRowsFor(rows.tokens), outputs: graphRowsFor(rows.outputs) };
    const key = `${padded.tokens}/${padded.outputs}/${opCount}`;
    let graph = this.#graphs.get(key);
    if (graph === undefined) {
      graph = this.#context.capture(() => this.#launchOps(padded, opCount));
      this.#graphs.set(key, graph);
    }
    this.#context.replay(graph);
  }

  #launchOps(rows: Readonly<Record<BufferRows, number>>, opCount: number): void {
    for (const op of this.#ops.slice(0, opCount)) {
      const count = rows[op.rows];
      if (count === 0) continue;
      const way = op.ways.find(({ mostRows }) => count <= mostRows);
      for (const launch of way?.launches ?? []) this.#context.launch({ ...launch, grid: launch.gridFor(count) });
    }
  }

  /** Graphs and parameters hold the address of the step, and are made anew with it. */
  #reserveArrays(words: number): PinnedMemory {
    if (this.#arrays !== undefined && words <= this.#words) return this.#arrays;
    this.#dropGraphs();
    this.#context.free(this.#memory);
    this.#memory = 0n;
    this.#arrays?.[Symbol.dispose]();
    this.#arrays = undefined;
    this.#words = 2 * words;
    this.#memory = this.#context.allocate(4 * this.#words, "a step's arrays");
    this.#ops = this.#loaded.plan(this.#memory).map(({ rows, ways }) => ({
      rows,
      ways: ways.map(({ mostRows, launches }) => ({
        mostRows,
        launches: launches.map((each) => this.#launchable(each)),
      })),
    }));
    return (this.#arrays = this.#context.pinned(4 * this.#words));
  }

  #launchable({ kernel, parameters, grid, threads, sharedBytes = 0 }: KernelLaunch): LaunchableKernel {
    return {
      kernel: this.#context.kernel(kernel, sharedBytes),
      parameters: this.#context.parametersOf(parameters),
      gridFor: typeof grid === "function" ? grid : () => grid,
      threads,
      sharedBytes,
    };
  }

  #reserveResults(bytes: number): PinnedMemory {
    if (this.#results === undefined || this.#results.bytes.length < bytes) {
      this.#results?.[Symbol.dispose]();
      this.#results = undefined;
      this.#results = this.#context.pinned(Math.max(4096, bytes));
    }
    return this.#results;
  }

  #dropGraphs(): void {
    for (const graph of this.#graphs.values()) this.#context.freeGraph(graph);
    this.#graphs.clear();
  }
}

type LaunchableKernel = Omit<Launch, "grid"> & {
  readonly gridFor: (rows: number) => Launch["grid"];
};

interface LaunchableOp {
  readonly rows: BufferRows;
  readonly ways: readonly { readonly mostRows: number; readonly launches: readonly LaunchableKernel[] }[];
}

function bytesOfRows(rows: ReportedRows | undefined, count: number): number {
  return rows === undefined ? 0 : count * rows.width * floatBytes[rows.type];
}

function graphRowsFor(rows: number): number {
  return graphRows.find((count) => count >= rows) ?? rows;
}
