import type { Executable } from "../../device/backend.ts";
import { checkStep } from "../../device/check-step.ts";
import { opCountOf, type BufferRows, type Program } from "../../device/program.ts";
import { StepBlock } from "../../device/step-block.ts";
import type { Step, StepLimits, StepResult } from "../../device/step.ts";
import { RequestError } from "../../util/errors.ts";
import { floatBytes, type FloatType } from "../../weights/packed-weight.ts";
import { floatValues } from "../../weights/float-values.ts";
import type { CudaContext, Launch, PinnedMemory } from "./cuda-context.node.ts";
import type { Handle } from "./cuda-driver.node.ts";
import type { CudaWeight } from "./cuda-weight.node.ts";
import type { KernelLaunch } from "./encode-op.ts";
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

/** Steps of more tokens are launched one kernel after the other: the device has enough to do with each. */
const mostGraphTokens = 64;

/** Rows that graphs are captured for; a step of fewer leaves the rest of the blocks nothing to do. */
const graphRows = [0, 1, 2, 4, 8, 16, 24, 32, 48, mostGraphTokens] as const;

/**
 * A step is a copy of its arrays, one graph (or the kernels by themselves), and a copy of its results, all in order; then a wait for which no
 * thread of JavaScript is held.
 */
export class CudaExecutable implements Executable {
  readonly limits: StepLimits;
  readonly byteLength: number;
  readonly #context: CudaContext;
  readonly #loaded: LoadedProgram;
  readonly #block = new StepBlock();
  readonly #graphs = new Map<string, Handle>();
  #ops: readonly LaunchableOp[] = [];
  #stepMemory: DevicePointer = 0n;
  #stepWords = 0;
  #results: PinnedMemory | undefined;
  #running: Promise<void> | undefined;
  #isDisposed = false;

  /** Takes the memory of `loaded`; its weights are borrowed. */
  constructor(context: CudaContext, loaded: LoadedProgram, limits: StepLimits) {
    this.#context = context;
    this.#loaded = loaded;
    this.limits = limits;
    this.#reserveStep(4096);
    this.byteLength = loaded.byteLength;
  }

  async step(step: Step): Promise<StepResult> {
    if (this.#isDisposed) throw new RequestError("step: the executable was disposed of before");
    if (this.#running !== undefined) throw new RequestError("step: another step of this executable is still running");
    const { program } = this.#loaded;
    checkStep(program, this.limits, step);
    for (const { descriptor } of this.#loaded.weights) void descriptor; // throws where a weight was disposed of
    this.#block.write(step);
    const reported: Reported = {};
    this.#running = this.#run(step, reported);
    try {
      await this.#running;
    } finally {
      this.#running = undefined;
    }
    return this.#block.result(reported.logits, reported.hidden);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    await this.#running?.catch(() => undefined); // whoever runs the step is told
    this.#dropGraphs();
    for (const memory of [...this.#loaded.memory, this.#stepMemory]) this.#context.free(memory);
    this.#results?.[Symbol.dispose]();
  }

  async #run(step: Step, reported: Reported): Promise<void> {
    const block = this.#block;
    const { program, logits, hidden } = this.#loaded;
    const outputs = step.outputs.length;
    if (block.length > this.#stepWords) this.#reserveStep(2 * block.length);
    this.#context.write(this.#stepMemory, block.words, 4 * block.length);
    const makesLogits = step.sampling !== undefined || step.wantsLogits === true || step.wantsHidden !== true;
    this.#launchAll({ tokens: step.tokens.length, outputs }, opCountOf(program, makesLogits));

    const sampleBytes = 4 * (block.length - block.resultsStart);
    const wantedLogits = step.wantsLogits === true ? logits : undefined;
    const wantedHidden = step.wantsHidden === true ? hidden : undefined;
    const logitBytes = bytesOfRows(wantedLogits, outputs);
    const results = this.#reserveResults(sampleBytes + logitBytes + bytesOfRows(wantedHidden, outputs));
    if (sampleBytes > 0) this.#context.read(results, 0, this.#stepMemory + BigInt(4 * block.resultsStart), sampleBytes);
    this.#readRows(results, sampleBytes, wantedLogits, outputs);
    this.#readRows(results, sampleBytes + logitBytes, wantedHidden, outputs);
    await this.#context.finish();

    const { buffer, byteOffset } = results.bytes;
    block.words.set(new Int32Array(buffer, byteOffset, sampleBytes / 4), block.resultsStart);
    const rowsAt = (at: number, rows: ReportedRows) =>
      floatValues(results.bytes.slice(at, at + bytesOfRows(rows, outputs)), rows.type);
    if (wantedLogits !== undefined) reported.logits = rowsAt(sampleBytes, wantedLogits);
    if (wantedHidden !== undefined) reported.hidden = rowsAt(sampleBytes + logitBytes, wantedHidden);
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
  #reserveStep(words: number): void {
    this.#dropGraphs();
    this.#context.free(this.#stepMemory);
    this.#stepMemory = 0n;
    this.#stepMemory = this.#context.allocate(4 * words, "a step's arrays");
    this.#stepWords = words;
    this.#ops = this.#loaded.plan(this.#stepMemory).map(({ rows, ways }) => ({
      rows,
      ways: ways.map(({ mostRows, launches }) => ({
        mostRows,
        launches: launches.map((each) => this.#launchable(each)),
      })),
    }));
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

/** What a step reports beside its samples. */
interface Reported {
  logits?: Float32Array;
  hidden?: Float32Array;
}

function bytesOfRows(rows: ReportedRows | undefined, count: number): number {
  return rows === undefined ? 0 : count * rows.width * floatBytes[rows.type];
}

function graphRowsFor(rows: number): number {
  return graphRows.find((count) => count >= rows) ?? rows;
}
