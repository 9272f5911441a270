import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { compileModel, type CompiledModel } from "../compile/compile-model.ts";
import type { Device, PreparedWeight, WeightUse } from "../device/backend.ts";
import type { Program } from "../device/program.ts";
import type { StepLimits } from "../device/step.ts";
import type { Model } from "../models/model.ts";
import { summarize, type PackedWeight } from "../weights/packed-weight.ts";
import { AlikeWeights } from "./alike-weights.ts";
import { bufferBytes } from "./memory-share.ts";
import { planMemory } from "./plan-memory.ts";
import { stepsOn, type ExecutablePlan } from "./plan-steps.ts";

/** Bytes that a model takes on a device, beside what every process of its kind does. */
export interface MemoryNeeds {
  readonly weightBytes: number;
  /** Pages of keys and values. They are touched as contexts fill them. */
  readonly cacheBytes: number;
  /** What steps compute in, of the program's own numbers too. */
  readonly scratchBytes: number;
  readonly totalBytes: number;
  /** True: counted from the file and the program, since the device sets nothing aside without taking it. */
  readonly isEstimate: boolean;
}

/**
 * What `loadExecutable` would take for a model, with a weight of each kind read and none of them kept; a thousandth off where the data of
 * alike modules decide which of them become one. Throws as compileModel and
 * Device.load; OutOfMemoryError where even the addresses do not suffice.
 */
export async function memoryNeeds(
  checkpoint: Checkpoint,
  model: Model,
  device: Device,
  plan: ExecutablePlan,
): Promise<MemoryNeeds> {
  using weights = new ReservedWeights(device);
  const compiled = await compileModel({ model, source: new AlikeWeights(checkpoint), device: weights });
  const { program } = compiled;
  const limits = planMemory({ ...stepsOn(device, plan), pageKinds: program.pageKinds, pageSize: device.pageSize });
  const weightBytes = compiled.weights.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const cacheBytes = bytesOfPages(program, device, limits);
  const isEstimate = device.reserve === undefined;
  const scratchBytes = isEstimate ? bufferBytes(program, limits) : await scratchOf(compiled, device, limits);
  return { weightBytes, cacheBytes, scratchBytes, totalBytes: weightBytes + cacheBytes + scratchBytes, isEstimate };
}

/** Weights that are as large as the device's would be. The same parts give the same weight: a model's layers are alike. */
class ReservedWeights implements Disposable {
  readonly #device: Device;
  readonly #reserved = new Map<string, PreparedWeight>();
  readonly #ids = new Map<PackedWeight, number>();

  constructor(device: Device) {
    this.#device = device;
  }

  refusesToFuse(parts: readonly PackedWeight[]): string | undefined {
    return this.#device.refusesToFuse(parts);
  }

  async prepare(parts: readonly PackedWeight[], use: WeightUse = "linear"): Promise<PreparedWeight> {
    const key = [use, ...parts.map((part) => this.#idOf(part))].join();
    let weight = this.#reserved.get(key);
    if (weight === undefined) {
      weight = (await this.#device.reserve?.(parts, use)) ?? this.#count(parts, use);
      this.#reserved.set(key, weight);
    }
    return weight;
  }

  /** Of a device that cannot reserve: the file's bytes. */
  #count(parts: readonly PackedWeight[], use: WeightUse): PreparedWeight {
    const summaries = parts.map(summarize);
    const { kernel } = this.#device.chooseLinear(summaries, use);
    const byteLength = summaries.reduce((sum, part) => sum + part.byteLength, 0);
    return { kernel, byteLength, keepsBytes: false, [Symbol.dispose]: () => undefined };
  }

  #idOf(part: PackedWeight): number {
    const id = this.#ids.get(part) ?? this.#ids.size;
    this.#ids.set(part, id);
    return id;
  }

  [Symbol.dispose](): void {
    for (const weight of this.#reserved.values()) weight[Symbol.dispose]();
  }
}

function bytesOfPages({ caches }: Program, device: Device, { pageCounts }: StepLimits): number {
  return caches.reduce((sum, cache) => sum + pageCounts[cache.pageKind] * device.pageBytes(cache), 0);
}

/** As the device has it, of a program with one page of each kind. */
async function scratchOf(compiled: CompiledModel, device: Device, limits: StepLimits): Promise<number> {
  const { program, weights, vectors } = compiled;
  const smallest = { ...limits, pageCounts: limits.pageCounts.map(() => 1) };
  await using executable = await device.load({ program, weights, vectors, limits: smallest });
  return executable.byteLength - bytesOfPages(program, device, smallest);
}
