import type { Device, PreparedWeight, WeightUse } from "../device/backend.ts";
import type { VectorId, VectorSpec, WeightSpec } from "../device/program.ts";
import type { LinearModule, Projection } from "../models/model.ts";
import { throwIfAborted } from "../util/abort.ts";
import { FormatError } from "../util/errors.ts";
import type { OnLoadProgress } from "../util/load-progress.ts";
import { mapConcurrent } from "../util/map-concurrent.ts";
import { quote } from "../util/quote.ts";
import { summarize } from "../weights/packed-weight.ts";
import type { BoundLinear, ModelWeights } from "./model-weights.ts";
import type { LoadPlan, PlannedVector } from "./plan-loads.ts";
import { ReadBuffers } from "./read-buffers.ts";
import { WeightProgress } from "./weight-progress.ts";
import type { LoadedLinear, ReadMemory, WeightSource } from "./weight-source.ts";
import type { LinearShape } from "../weights/linear-shape.ts";

/** What loading needs of a device. */
export type WeightDevice = Pick<Device, "refusesToFuse" | "prepare">;

export interface LoadOptions {
  /** Told of the phases "read" and "prepare", which have the same bytes: those of all linears. */
  readonly onProgress?: OnLoadProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Projections on their way at once: one is read while the other is prepared. More would hold more of the file's bytes,
 * and the host should never hold the model twice.
 */
const lookAhead = 2;

/**
 * Reads and prepares everything in the plan. Modules of a projection that the device can fuse become one weight, neighbours first.
 *
 * The prepared weights are the caller's. On an error those already made are disposed: FormatError for a tensor whose shape is not the
 * model's, UnsupportedError where no kernel takes a weight, AbortedError, and whatever source and device throw.
 */
export async function loadWeights(
  plan: LoadPlan,
  source: WeightSource,
  device: WeightDevice,
  { onProgress, signal }: LoadOptions = {},
): Promise<ModelWeights> {
  // Before gigabytes are read for nothing.
  for (const { modules } of plan.projections) {
    for (const module of modules) {
      if (source.shapeOf !== undefined) checkShape(module, source.shapeOf(module.module, module));
    }
  }
  const owned: PreparedWeight[] = [];
  const buffers = new ReadBuffers();
  try {
    const progress = onProgress && new WeightProgress(plan, source, onProgress);
    const projections = await mapConcurrent(plan.projections, lookAhead, async ({ modules, isHead }) => {
      throwIfAborted(signal, "loading the model");
      const memory = buffers.borrow();
      const parts = await readProjection(modules, source, memory);
      progress?.done("read", modules);
      const linears = await prepareParts(parts, device, isHead ? "head" : "linear", owned);
      if (!linears.some(({ prepared }) => prepared.keepsBytes)) memory.giveBack();
      progress?.done("prepare", modules);
      return linears;
    });
    const vectors = await mapConcurrent(plan.vectors, lookAhead, (vector) => {
      throwIfAborted(signal, "loading the model");
      return loadVector(vector, source);
    });
    return assignIds(plan, projections, vectors);
  } catch (error) {
    for (const weight of owned) weight[Symbol.dispose]();
    throw error;
  }
}

interface NamedVector {
  readonly name: string;
  readonly values: Float32Array;
}

/** A prepared weight that the program will multiply by, before it has an id. */
interface DeviceLinear {
  readonly spec: WeightSpec;
  readonly prepared: PreparedWeight;
  readonly bias?: NamedVector;
  readonly interleavedBy?: number;
}

interface Part extends LoadedLinear {
  readonly module: LinearModule;
}

async function readProjection(modules: Projection, source: WeightSource, memory: ReadMemory): Promise<readonly Part[]> {
  const parts: Part[] = [];
  for (const module of modules) {
    const loaded = await source.linear(module.module, memory, module);
    checkShape(module, loaded.weight);
    checkBias(module, loaded);
    parts.push({ module, ...loaded });
  }
  return parts;
}

/** Adds what it makes to `owned`, one by one. */
async function prepareParts(
  parts: readonly Part[],
  device: WeightDevice,
  use: WeightUse,
  owned: PreparedWeight[],
): Promise<readonly DeviceLinear[]> {
  const linears: DeviceLinear[] = [];
  for (const group of fuseNeighbours(parts, device)) {
    const prepared = await device.prepare(
      group.map(({ weight }) => weight),
      use,
      group.map(({ module: { module } }) => quote(module)),
    );
    owned.push(prepared);
    const bias = stackBiases(group);
    const [{ module }] = group;
    linears.push({
      spec: weightSpec(group),
      prepared,
      ...(bias !== undefined && { bias }),
      ...(module.interleavedBy !== undefined && { interleavedBy: module.interleavedBy }),
    });
  }
  return linears;
}

function checkShape({ module, inFeatures, outFeatures }: LinearModule, found: LinearShape): void {
  if (found.inFeatures !== inFeatures || found.outFeatures !== outFeatures)
    throw new FormatError(
      `${quote(module)}: its weight takes ${found.inFeatures} features to ${found.outFeatures}; ` +
        `by config.json it must take ${inFeatures} to ${outFeatures}`,
    );
}

function checkBias({ module, outFeatures }: LinearModule, { bias }: LoadedLinear): void {
  if (bias !== undefined && bias.length !== outFeatures)
    throw new FormatError(
      `${quote(module)}: its bias has ${bias.length} values; its weight has ${outFeatures} outputs`,
    );
}

/** Each part joins the group before it where the device can make one linear of all of them. */
function fuseNeighbours(parts: readonly Part[], device: WeightDevice): readonly (readonly Part[])[] {
  const groups: Part[][] = [];
  for (const part of parts) {
    const group = groups.at(-1);
    const refusal = group && device.refusesToFuse([...group, part].map(({ weight }) => weight));
    if (group !== undefined && refusal === undefined) group.push(part);
    else groups.push([part]);
  }
  return groups;
}

/** The biases of a group side by side, zeros where a part has none; undefined where none has one. */
function stackBiases(group: readonly Part[]): NamedVector | undefined {
  const withBias = group.filter(({ bias }) => bias !== undefined);
  if (withBias.length === 0) return undefined;
  const values = new Float32Array(group.reduce((sum, { module }) => sum + module.outFeatures, 0));
  let offset = 0;
  for (const { bias, module } of group) {
    if (bias !== undefined) values.set(bias, offset);
    offset += module.outFeatures;
  }
  return { name: withBias.map(({ module }) => `${module.module}.bias`).join(" + "), values };
}

function weightSpec(group: readonly Part[]): WeightSpec {
  return {
    parts: group.map(({ module }) => module.module),
    inFeatures: group[0].module.inFeatures,
    outFeatures: group.reduce((sum, { module }) => sum + module.outFeatures, 0),
    summaries: group.map(({ weight }) => summarize(weight)),
  };
}

async function loadVector({ tensor, length, plusOne }: PlannedVector, source: WeightSource): Promise<NamedVector> {
  const stored = await source.vector(tensor);
  if (stored.length !== length)
    throw new FormatError(`${quote(tensor)}: has ${stored.length} values; by config.json it must have ${length}`);
  const values = plusOne && !source.hasNormsPlusOne ? stored.map((value) => 1 + value) : stored;
  return { name: tensor, values };
}

/** Gives everything its id, in the order of the plan, which does not depend on what was loaded first. */
function assignIds(
  plan: LoadPlan,
  projections: readonly (readonly DeviceLinear[])[],
  ofTheirOwn: readonly NamedVector[],
): ModelWeights {
  const linears = projections.flat();
  const vectors: NamedVector[] = [];
  const add = (vector: NamedVector): VectorId => vectors.push(vector) - 1;

  const bound = new Map<string, readonly BoundLinear[]>();
  let weight = 0;
  plan.projections.forEach(({ keys }, i) => {
    const ofProjection = projections[i].map(({ spec, bias, interleavedBy }) => ({
      weight: weight++,
      outFeatures: spec.outFeatures,
      ...(bias !== undefined && { bias: add(bias) }),
      ...(interleavedBy !== undefined && { interleavedBy }),
    }));
    for (const key of keys) bound.set(key, ofProjection);
  });
  const tensors = new Map(ofTheirOwn.map((vector) => [vector.name, add(vector)]));

  const specs = vectors.map(({ name, values }): VectorSpec => ({ name, length: values.length }));
  return {
    table: { weights: linears.map(({ spec }) => spec), vectors: specs, linears: bound, tensors },
    prepared: linears.map(({ prepared }) => prepared),
    vectors: vectors.map(({ values }) => values),
  };
}
