import type { Checkpoint, CheckpointModule } from "../checkpoint/checkpoint.ts";
import { compileModel } from "../compile/compile-model.ts";
import { formatProgram } from "../compile/format-program.ts";
import { planLoads } from "../compile/plan-loads.ts";
import type { Backend, BackendName, Device, DeviceMemory, DeviceOptions, WeightUse } from "../device/backend.ts";
import type { Refusal } from "../device/kernel-choice.ts";
import { requireFloatType } from "../formats/float-type.ts";
import { deviceOptions } from "../llm/device-options.ts";
import type { EngineOptions } from "../llm/engine-options.ts";
import { modelOf } from "../llm/load-engine.ts";
import { memoryNeeds, type MemoryNeeds } from "../llm/memory-needs.ts";
import { planSteps } from "../llm/plan-steps.ts";
import { storedDtype } from "../llm/stored-dtype.ts";
import type { Model } from "../models/model.ts";
import { FewbitError, FormatError, UnsupportedError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";
import type { Warn } from "../util/warn-once.ts";
import { summarize, type WeightSummary } from "../weights/packed-weight.ts";

/** What a backend would do with a checkpoint. */
export interface Runner {
  readonly backend: BackendName;
  readonly canRun: boolean;
  /** What it runs on, or why it cannot. */
  readonly detail: string;
  /** Empty where it cannot run. */
  readonly kernels: readonly KernelUse[];
  /** Keys and values of 1,000 positions, as far as a window keeps them. */
  readonly cacheBytesPer1k?: number;
  /** What running it takes. Absent: it cannot run. */
  readonly memory?: PlannedMemory;
}

/** For contexts of so many positions, and so many sequences at once. */
export interface PlannedMemory extends MemoryNeeds {
  readonly contextLength: number;
  readonly sequences: number;
  /** What the device has. Absent: it does not know. */
  readonly device?: DeviceMemory;
}

/** A kernel that a backend has chosen. */
export interface KernelUse {
  readonly kernel: string;
  /** How many linears of the file it would take. Neighbours may become one when they are loaded. */
  readonly linears: number;
  /** Better kernels that refused these, each reason once. */
  readonly refusals: readonly Refusal[];
}

const nothing = { canRun: false, kernels: [] } as const;

/** Asks every backend. Never throws for what a backend or the model cannot do: that is the answer. */
export async function findRunners(
  checkpoint: Checkpoint,
  backends: readonly Backend[],
  engine: EngineOptions,
  warn: Warn,
): Promise<readonly Runner[]> {
  let needs: ModelNeeds;
  try {
    needs = await modelNeeds(checkpoint);
  } catch (error) {
    const detail = reasonOf(error);
    return backends.map(({ name }) => ({ backend: name, detail, ...nothing }));
  }
  const plan = planSteps(needs.model, engine, warn);
  const { contextLength, maxSequences: sequences } = plan;
  const options = { ...deviceOptions(engine), storedDtype: storedDtype(checkpoint, needs.model) };
  const runners: Runner[] = [];
  for (const backend of backends) {
    try {
      await using device = await backend.open(options);
      const asked = ask(device, needs);
      const needed = await memoryNeeds(checkpoint, needs.model, device, plan);
      const has = device.memory?.();
      const memory = { contextLength, sequences, ...needed, ...(has && { device: has }) };
      runners.push({ backend: backend.name, canRun: true, detail: device.description, ...asked, memory });
    } catch (error) {
      runners.push({ backend: backend.name, detail: reasonOf(error), ...nothing });
    }
  }
  return runners;
}

/** The program that a backend would run, as text. Reads all weights, one after the other, and brings none to the device. */
export async function describeProgram(
  checkpoint: Checkpoint,
  backend: Backend,
  options: DeviceOptions,
  signal: AbortSignal,
): Promise<string> {
  const model = modelOf(checkpoint);
  await using device = await backend.open({ ...options, storedDtype: storedDtype(checkpoint, model) });
  const prepare: Device["prepare"] = async (parts, use) => ({
    kernel: device.chooseLinear(parts.map(summarize), use).kernel,
    byteLength: 0,
    keepsBytes: false,
    [Symbol.dispose]: () => undefined,
  });
  const chooser = { prepare, refusesToFuse: device.refusesToFuse.bind(device) };
  using compiled = await compileModel({ model, source: checkpoint, device: chooser, signal });
  return formatProgram(compiled.program);
}

interface ModelNeeds {
  readonly model: Model;
  readonly linears: readonly { readonly summary: WeightSummary; readonly use: WeightUse }[];
}

/** Throws what stands in the way: no config, an unknown architecture, a weight that is missing. */
async function modelNeeds(checkpoint: Checkpoint): Promise<ModelNeeds> {
  if (checkpoint.unreadable !== undefined) throw new UnsupportedError(checkpoint.unreadable);
  const model = modelOf(checkpoint);
  const summaryOf = summarizer(checkpoint);
  const linears: { readonly summary: WeightSummary; readonly use: WeightUse }[] = [];
  for (const { modules, isHead } of planLoads(model, checkpoint).projections)
    for (const linear of modules) {
      const found = checkpoint.module(linear.module, linear);
      if (found !== undefined) linears.push({ summary: await summaryOf(found), use: isHead ? "head" : "linear" });
    }
  return { model, linears };
}

/** Only data tell whether a packed weight is symmetric or reordered; of modules that are alike in all else, one is read. */
function summarizer(checkpoint: Checkpoint): (module: CheckpointModule) => Promise<WeightSummary> {
  const read = new Map<string, WeightSummary>();
  return async ({ name, shape, scheme, bits, groupSize, byteLength, tensor }) => {
    if (tensor !== undefined) {
      if (shape.length !== 2)
        throw new FormatError(`tensor ${quote(tensor.name)} has ${shape.length} dimensions; a linear has two`);
      const [outFeatures, inFeatures] = shape;
      return { scheme, inFeatures, outFeatures, bits, reordered: false, type: requireFloatType(tensor), byteLength };
    }
    const key = [scheme, bits, groupSize, ...shape].join();
    let summary = read.get(key);
    if (summary === undefined) read.set(key, (summary = summarize((await checkpoint.linear(name)).weight)));
    return summary;
  };
}

function ask(device: Device, { model, linears }: ModelNeeds): Pick<Runner, "kernels" | "cacheBytesPer1k"> {
  const uses = new Map<string, { linears: number; readonly refusals: Map<string, Refusal> }>();
  for (const { summary, use: purpose } of linears) {
    const { kernel, refusals } = device.chooseLinear([summary], purpose);
    let use = uses.get(kernel);
    if (use === undefined) uses.set(kernel, (use = { linears: 0, refusals: new Map() }));
    use.linears++;
    for (const refusal of refusals) use.refusals.set(`${refusal.kernel}: ${refusal.reason}`, refusal);
  }
  return {
    kernels: [...uses].map(([kernel, use]) => ({ kernel, linears: use.linears, refusals: [...use.refusals.values()] })),
    cacheBytesPer1k: cacheBytes(device, model, 1000),
  };
}

function cacheBytes(device: Device, model: Model, positions: number): number {
  let bytes = 0;
  for (const layer of model.layers) {
    if (layer.kind !== "attention") continue;
    const { kvHeads, headDim, window = Infinity } = layer;
    const pageBytes = device.pageBytes({ kind: "paged", pageKind: 0, kvHeads, headDim });
    bytes += (Math.min(positions, window) * pageBytes) / device.pageSize;
  }
  return Math.round(bytes);
}

function reasonOf(error: unknown): string {
  if (error instanceof FewbitError) return error.message;
  throw error;
}
