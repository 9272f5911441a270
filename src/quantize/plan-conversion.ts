import type { Checkpoint, CheckpointModule } from "../checkpoint/checkpoint.ts";
import { isDtype, type Dtype, type RawTensor } from "../containers/raw-tensor.ts";
import { tensorByteLength } from "../containers/raw-tensor.ts";
import type { TensorToWrite } from "../containers/safetensors/write-safetensors.ts";
import type { EncodedModule } from "../formats/weight-encoder.ts";
import { throwIfAborted } from "../util/abort.ts";
import { UnsupportedError } from "../util/errors.ts";
import type { JsonObject } from "../util/json.ts";
import { quote } from "../util/quote.ts";
import type { Loss } from "../weights/compare-weights.ts";
import { refusedModules } from "./refused-modules.ts";
import { convertWeight, lossOf, type ConvertedWeight, type Target } from "./convert-weight.ts";

export interface ConversionOptions {
  readonly target: Target;
  /** Goes on where values change. */
  readonly requantize: boolean;
  readonly signal?: AbortSignal;
  /** Told how many packed modules were tried, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** A module that was rounded anew, and what that cost. */
export interface LossyModule extends Loss {
  readonly name: string;
  readonly reason: string;
}

/** All that is to be written, each tensor made when its data is asked for. */
export interface Conversion {
  /** By modules: the tensors of one follow each other. */
  readonly modules: readonly (readonly PlannedTensor[])[];
  readonly packedCount: number;
  readonly lossy: readonly LossyModule[];
  /** Undefined: nothing is packed. */
  readonly quantizationConfig: JsonObject | undefined;
  readonly byteLength: number;
}

export interface PlannedTensor extends TensorToWrite {
  readonly byteLength: number;
}

/**
 * Tries every packed module of a checkpoint: encodes it, decodes what came out, and holds the values against the module's own. Nothing
 * is written yet, so that a checkpoint which does not fit is refused before there is half of another. Throws UnsupportedError, with the
 * modules and reasons, where values would change and `requantize` does not allow it, or where a module has no form at all.
 */
export async function planConversion(checkpoint: Checkpoint, options: ConversionOptions): Promise<Conversion> {
  const { target, requantize, signal, onProgress } = options;
  const modules = checkpoint.modules();
  const packed = modules.filter(({ tensor }) => tensor === undefined);
  if (packed.length === 0)
    throw new UnsupportedError(`${checkpoint.label}: has no packed module; there is nothing to convert`);
  const groupSize = "encoder" in target && target.encoder.hasOneGroupSize ? commonGroupSize(packed) : undefined;
  const convert = async (module: CheckpointModule): Promise<ConvertedWeight | string> =>
    convertWeight(module.name, await checkpoint.stored(module), target, {
      ...(groupSize !== undefined && { groupSize }),
      requantize,
    });
  const latest = new Latest(convert);

  const refusals: string[] = [];
  const lossy: LossyModule[] = [];
  const told: EncodedModule[] = [];
  const planned: PlannedTensor[][] = [];
  let done = 0;
  for (const module of modules) {
    throwIfAborted(signal, "converting");
    if (module.tensor !== undefined) {
      planned.push([copied(module.tensor, signal)]);
      continue;
    }
    const converted = await latest.get(module);
    onProgress?.(++done, packed.length);
    if (typeof converted === "string") {
      refusals.push(`${quote(module.name)} ${converted}`);
      continue;
    }
    const loss = lossOf(module.name, await checkpoint.stored(module), converted, target);
    if (loss !== undefined) {
      const reason =
        converted.inexact ??
        "would be read back with other values, because its zero points are told apart by their pattern";
      if (requantize) lossy.push({ name: module.name, reason, ...loss });
      else refusals.push(`${quote(module.name)} ${reason}`);
    }
    if (converted.packed !== undefined) told.push(converted.packed);
    planned.push(converted.tensors.map((tensor) => made(tensor, () => latest.get(module))));
  }
  if (refusals.length > 0) throw refusedModules(checkpoint.label, refusals, requantize);
  if ("encoder" in target && target.encoder.hasOneGroupSize) requireOneGroupSize(told, target.encoder.name);
  const all = planned.flat();
  return {
    modules: planned,
    packedCount: packed.length,
    lossy,
    quantizationConfig: "encoder" in target ? target.encoder.declare(told, unpackedLinears(modules)) : undefined,
    byteLength: all.reduce((sum, { byteLength }) => sum + byteLength, 0),
  };
}

/** Keeps the module that was made last: its tensors follow each other in a file, but for those of other types. */
class Latest {
  readonly #make: (module: CheckpointModule) => Promise<ConvertedWeight | string>;
  #module: CheckpointModule | undefined;
  #made: Promise<ConvertedWeight | string> | undefined;

  constructor(make: (module: CheckpointModule) => Promise<ConvertedWeight | string>) {
    this.#make = make;
  }

  get(module: CheckpointModule): Promise<ConvertedWeight | string> {
    if (this.#module !== module || this.#made === undefined) {
      this.#module = module;
      this.#made = this.#make(module);
    }
    return this.#made;
  }
}

function made(
  { name, dtype, shape }: ConvertedWeight["tensors"][number],
  again: () => Promise<ConvertedWeight | string>,
): PlannedTensor {
  return {
    ...{ name, dtype, shape },
    byteLength: tensorByteLength(dtype, shape) ?? 0,
    async *data() {
      const converted = await again();
      const found =
        typeof converted === "string" ? undefined : converted.tensors.find((tensor) => tensor.name === name);
      if (found !== undefined) yield found.bytes();
    },
  };
}

/** Bytes of a copied tensor in memory at a time. */
const copyBytes = 32 * 2 ** 20;

function copied(tensor: RawTensor<string>, signal: AbortSignal | undefined): PlannedTensor {
  const { name, shape, byteLength } = tensor;
  return {
    ...{ name, shape, byteLength, dtype: requireDtype(tensor) },
    async *data() {
      for (let start = 0; start < byteLength; start += copyBytes) {
        yield await tensor.read({ start, end: Math.min(start + copyBytes, byteLength), ...(signal && { signal }) });
      }
    },
  };
}

function requireDtype({ name, dtype }: RawTensor<string>): Dtype {
  if (isDtype(dtype)) return dtype;
  throw new UnsupportedError(`tensor ${quote(name)} is ${dtype}, which safetensors does not hold`);
}

/** The largest size that all groups can be cut into; undefined: each module is one group, or no size is known. */
function commonGroupSize(modules: readonly CheckpointModule[]): number | undefined {
  const sizes = modules.map(({ groupSize, shape }) => groupSize ?? shape[1]);
  if (modules.every(({ shape }, i) => sizes[i] >= shape[1])) return undefined;
  return sizes.reduce(greatestCommonDivisor);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

function requireOneGroupSize(modules: readonly EncodedModule[], format: string): void {
  const sizes = new Set(modules.map(({ groupSize = 0, inFeatures }) => (groupSize >= inFeatures ? -1 : groupSize)));
  if (sizes.size < 2) return;
  throw new UnsupportedError(`${format} has one group size for all modules; these would have ${[...sizes].join(", ")}`);
}

/** Matrices inside of a model's numbered layers that are not packed: readers take every linear there for packed unless told otherwise. */
function unpackedLinears(modules: readonly CheckpointModule[]): readonly string[] {
  return modules
    .filter(
      ({ name, tensor, shape }) => tensor?.name === `${name}.weight` && shape.length === 2 && /\.\d+\./.test(name),
    )
    .map(({ name }) => name);
}
