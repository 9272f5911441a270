import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { compileModel, type CompiledModel } from "../compile/compile-model.ts";
import type { Backend, Device, Executable } from "../device/backend.ts";
import type { Model } from "../models/model.ts";
import { UnsupportedError } from "../util/errors.ts";
import { formatBytes } from "../util/format-bytes.ts";
import type { OnLoadProgress } from "../util/load-progress.ts";
import type { Warn } from "../util/warn-once.ts";
import { cachePositionsFor } from "./cache-positions.ts";
import { deviceOptions } from "./device-options.ts";
import type { EngineOptions } from "./engine-options.ts";
import { bufferBytes, leastWeightBytes, shareOfMemory } from "./memory-share.ts";
import { openDevice } from "./open-device.ts";
import { planMemory } from "./plan-memory.ts";
import { stepsOn, type ExecutablePlan } from "./plan-steps.ts";
import { storedDtype } from "./stored-dtype.ts";

export interface LoadExecutableOptions {
  readonly backends: readonly Backend[];
  /** Borrowed: not needed afterwards. */
  readonly checkpoint: Checkpoint;
  /** The checkpoint's. */
  readonly model: Model;
  readonly engine: EngineOptions;
  /** What the steps and caches are to hold. */
  readonly plan: ExecutablePlan;
  readonly warn: Warn;
  readonly onProgress?: OnLoadProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A model on a device, ready to run. Owns all of it. */
export interface LoadedExecutable extends AsyncDisposable {
  readonly device: Device;
  readonly compiled: CompiledModel;
  readonly executable: Executable;
}

/**
 * Opens a device and brings a model to it. Where the choice is ours, a backend that lacks something which the model needs makes way for the
 * next one, with a warning that has its reason. Throws as openDevice, compileModel and Device.load; nothing stays open then.
 */
export async function loadExecutable(options: LoadExecutableOptions): Promise<LoadedExecutable> {
  const { backends, engine, checkpoint, model, warn } = options;
  const forDevice = { ...deviceOptions(engine), storedDtype: storedDtype(checkpoint, model) };
  const wanted = engine.backend ?? "auto";
  for (let candidates = backends; ;) {
    const device = await openDevice(candidates, wanted, forDevice, warn);
    const { backend } = device;
    const others = candidates.slice(1 + candidates.findIndex(({ name }) => name === backend));
    try {
      return await bringTo(device, options);
    } catch (error) {
      if (!(error instanceof UnsupportedError) || wanted !== "auto" || others.length === 0) throw error;
      warn(`the ${backend} backend cannot run this model, and the next one is tried: ${error.message}`);
      candidates = others;
    }
  }
}

/** Takes the device: it is closed when this throws. */
async function bringTo(device: Device, options: LoadExecutableOptions): Promise<LoadedExecutable> {
  const { checkpoint, model, plan, onProgress, signal } = options;
  let compiled: CompiledModel | undefined;
  try {
    const { cacheBytes, memoryShare } = options.engine;
    const steps = stepsOn(device, plan);
    /** With what the caches may take of these bytes. */
    const withCaches = (bytes: number, remedy?: string): typeof steps => ({
      ...steps,
      cachePositions: cachePositionsFor(model, device, steps, bytes, remedy),
    });
    const memory = memoryShare === undefined ? undefined : shareOfMemory(device, memoryShare);
    const beside = (bytes: number): typeof steps =>
      memory === undefined ? steps : withCaches(memory - bytes, remedyOf(memory, bytes));
    // Before a weight is read, what cannot fit for sure is refused; how much the caches get is known once weights are there.
    let sized =
      cacheBytes === undefined ? beside(leastWeightBytes(checkpoint.tensors.values())) : withCaches(cacheBytes);
    compiled = await compileModel({ model, source: checkpoint, device, onProgress, signal });
    const { program, weights, vectors } = compiled;
    const place = { pageKinds: program.pageKinds, pageSize: device.pageSize };
    if (memory !== undefined) {
      const held = weights.reduce((sum, { byteLength }) => sum + byteLength, 0);
      sized = beside(held + bufferBytes(program, planMemory({ ...steps, ...place })));
    }
    const limits = planMemory({ ...sized, ...place });
    const executable = await device.load({ program, weights, vectors, limits });
    return owned({ device, compiled, executable });
  } catch (error) {
    compiled?.[Symbol.dispose]();
    await device[Symbol.asyncDispose]();
    throw error;
  }
}

function remedyOf(memory: number, weightBytes: number): string {
  return (
    `weights and buffers take ${formatBytes(weightBytes)} of the ${formatBytes(memory)} that the model may have; ` +
    "give it more (memoryShare, --gpu-memory-utilization)"
  );
}

function owned(parts: Pick<LoadedExecutable, "device" | "compiled" | "executable">): LoadedExecutable {
  return {
    ...parts,
    async [Symbol.asyncDispose]() {
      await parts.executable[Symbol.asyncDispose]();
      parts.compiled[Symbol.dispose]();
      await parts.device[Symbol.asyncDispose]();
    },
  };
}
