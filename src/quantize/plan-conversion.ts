import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { isDtype, type Dtype, type RawTensor } from "../containers/raw-tensor.ts";
import { tensorByteLength } from "../containers/raw-tensor.ts";
import type { TensorToWrite } from "../containers/safetensors/write-safetensors.ts";
import type { EncodedModule, EncodedTensor } from "../formats/weight-encoder.ts";
import { throwIfAborted } from "../util/abort.ts";
import { UnsupportedError } from "../util/errors.ts";
import type { JsonObject } from "../util/json.ts";
import { quote } from "../util/quote.ts";
import type { Loss } from "../weights/compare-weights.ts";
import { dequantize } from "../weights/dequantize.ts";
import { checkPositions } from "../weights/sparse-24.ts";
import { sourceParts, type FloatsPart, type LinearPart, type SourcePart } from "./conversion-source.ts";
import { floatTensor, lossOfFloats, lossOfShift } from "./convert-floats.ts";
import { refusedModules } from "./refused-modules.ts";
import { convertWeight, lossOf, type ConvertedWeight, type Target, type WantedRounding } from "./convert-weight.ts";

export interface ConversionOptions {
  readonly target: Target;
  /** How codes are to be that are not the checkpoint's own. */
  readonly rounding?: WantedRounding;
  /** Goes on where values change. */
  readonly requantize: boolean;
  readonly signal?: AbortSignal;
  /** Told how many modules were tried, of how many. */
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
  /** Modules and tensors that are not copied. */
  readonly triedCount: number;
  readonly lossy: readonly LossyModule[];
  /** Undefined: nothing is packed. */
  readonly quantizationConfig: JsonObject | undefined;
  readonly byteLength: number;
}

export interface PlannedTensor extends TensorToWrite {
  readonly byteLength: number;
}

/**
 * Tries every module of a checkpoint that is not copied: encodes it, decodes what came out, and holds the values against the module's
 * own. Nothing is written yet, so that a checkpoint which does not fit is refused before there is half of another. Throws
 * UnsupportedError, with the modules and reasons, where values would change and `requantize` does not allow it, or where a module has no
 * form at all; and as sourceParts.
 */
export async function planConversion(checkpoint: Checkpoint, options: ConversionOptions): Promise<Conversion> {
  const { target, requantize, signal, onProgress } = options;
  const { encoder } = target;
  const parts = await sourceParts(checkpoint, encoder !== undefined);
  const tried = parts.filter(({ kind }) => kind !== "copied");
  const linears = parts.filter((part): part is LinearPart => part.kind === "linear");
  if ((encoder === undefined ? tried : linears).length === 0)
    throw new UnsupportedError(`${checkpoint.label}: has no module that could be packed; there is nothing to convert`);
  const groupSize = wantedGroupSize(linears, options);
  const latest = new Latest((part) => attempt(part, options, groupSize));

  const refusals: string[] = [];
  const lossy: LossyModule[] = [];
  const told: EncodedModule[] = [];
  const planned: PlannedTensor[][] = [];
  let done = 0;
  for (const part of parts) {
    throwIfAborted(signal, "converting");
    if (part.kind === "copied") {
      planned.push([copied(part.tensor, signal)]);
      continue;
    }
    const found = await latest.get(part);
    onProgress?.(++done, tried.length);
    if (typeof found === "string") {
      refusals.push(`${quote(part.name)} ${found}`);
      continue;
    }
    for (const { name, reason, loss } of found.losses()) {
      if (requantize) lossy.push({ name, reason, ...loss });
      else refusals.push(`${quote(name)} ${reason}`);
    }
    if (found.packed !== undefined) told.push(found.packed);
    planned.push(found.tensors.map((tensor) => made(tensor, () => latest.get(part))));
  }
  if (refusals.length > 0) throw refusedModules(checkpoint.label, refusals, requantize);
  if (encoder?.hasOneGroupSize === true) requireOneGroupSize(told, encoder.name);
  const all = planned.flat();
  return {
    modules: planned,
    packedCount: told.length,
    triedCount: tried.length,
    lossy,
    quantizationConfig: encoder?.declare(told, unpackedLinears(all)),
    byteLength: all.reduce((sum, { byteLength }) => sum + byteLength, 0),
  };
}

/** A part in its new form. */
interface Attempt {
  readonly tensors: readonly EncodedTensor[];
  /** Undefined: floats, of which no config tells. */
  readonly packed?: EncodedModule;
  /** What is lost by it, by the tensors' or modules' names. */
  readonly losses: () => readonly { readonly name: string; readonly reason: string; readonly loss: Loss }[];
}

/** A string: there is no form, because of that. */
async function attempt(
  part: LinearPart | FloatsPart,
  { target, rounding, requantize }: ConversionOptions,
  groupSize: number | undefined,
): Promise<Attempt | string> {
  const { encoder, floats } = target;
  const reason = `its values are rounded to ${floats}`;
  const floatsNamed = (name: string, shape: readonly number[], values: Float32Array): Attempt => ({
    tensors: [floatTensor(name, shape, values, floats)],
    losses() {
      const loss = lossOfFloats(values, floats);
      return loss === undefined ? [] : [{ name, reason, loss }];
    },
  });
  if (part.kind === "floats") {
    const { values, bias, shiftedFrom } = await part.read();
    const plain = values instanceof Float32Array ? values : dequantize(values);
    const found = together(floatsNamed(part.name, part.shape, plain), biasOf(part.name.replace(/\.weight$/, ""), bias));
    const loss = shiftedFrom && lossOfShift(shiftedFrom);
    if (loss === undefined) return found;
    const shift = { name: part.name, reason: "1 is taken from its values, as the architecture stores them", loss };
    return { ...found, losses: () => [shift, ...found.losses()] };
  }
  const { name } = part;
  const { weight, bias } = await part.read();
  checkPositions(weight, quote(name));
  if (encoder === undefined) {
    const shape = [weight.outFeatures, weight.inFeatures];
    return together(floatsNamed(`${name}.weight`, shape, dequantize(weight)), biasOf(name, bias));
  }
  const converted = convertWeight(name, weight, encoder, {
    ...(groupSize !== undefined && { groupSize }),
    ...(rounding && { rounding }),
    requantize,
  });
  if (typeof converted === "string") return converted;
  const packed: Attempt = {
    ...converted,
    losses() {
      const loss = lossOf(name, weight, converted, encoder);
      return loss === undefined ? [] : [{ name, reason: whyLost(converted), loss }];
    },
  };
  return together(packed, biasOf(name, bias));

  function biasOf(module: string, values: Float32Array | undefined): Attempt | undefined {
    return values && floatsNamed(`${module}.bias`, [values.length], values);
  }
}

function whyLost({ inexact, packed }: ConvertedWeight): string {
  if (inexact === undefined)
    return "would be read back with other values, because its zero points are told apart by their pattern";
  const { bits, groupSize, symmetric } = packed;
  return `${inexact}; now ${bits} bits, groups of ${groupSize}${symmetric === true ? "" : ", zero points"}`;
}

function together(weight: Attempt, bias: Attempt | undefined): Attempt {
  if (bias === undefined) return weight;
  return {
    ...weight,
    tensors: [...weight.tensors, ...bias.tensors],
    losses: () => [...weight.losses(), ...bias.losses()],
  };
}

type TriedPart = Exclude<SourcePart, { readonly kind: "copied" }>;

/** Keeps the part that was made last: its tensors follow each other in a file, but for those of other types. */
class Latest {
  readonly #make: (part: TriedPart) => Promise<Attempt | string>;
  #part: TriedPart | undefined;
  #made: Promise<Attempt | string> | undefined;

  constructor(make: (part: TriedPart) => Promise<Attempt | string>) {
    this.#make = make;
  }

  get(part: TriedPart): Promise<Attempt | string> {
    if (this.#part !== part || this.#made === undefined) {
      this.#part = part;
      this.#made = this.#make(part);
    }
    return this.#made;
  }
}

function made({ name, dtype, shape }: EncodedTensor, again: () => Promise<Attempt | string>): PlannedTensor {
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

/** Groups of dense weights, where nobody names another size. */
const usualGroupSize = 128;
/** The smallest that formats of one size have kernels for. */
const smallestGroupSize = 32;

/** The group size of all modules, where the format has but one; else the one that is wanted, if any. */
function wantedGroupSize(linears: readonly LinearPart[], options: ConversionOptions): number | undefined {
  const { target, rounding, requantize } = options;
  const wanted = rounding?.groupSize;
  if (target.encoder?.hasOneGroupSize !== true || wanted === Infinity) return wanted;
  const isRounded = wanted !== undefined || linears.some(({ scheme }) => scheme === "dense");
  if (isRounded) {
    const inputs = linears.map(({ inFeatures }) => inFeatures);
    return inputs.reduce(greatestCommonDivisor, wanted ?? usualGroupSize);
  }
  // Blocks with smaller groups than there are elsewhere are of widths that these formats lack: they are rounded in any case.
  const isHeld = ({ scheme, groupSize = smallestGroupSize }: LinearPart): boolean =>
    !requantize || scheme !== "block" || groupSize >= smallestGroupSize;
  const held = linears.filter(isHeld);
  if (held.length === 0) return smallestGroupSize;
  const sizes = held.map(({ groupSize, inFeatures }) => groupSize ?? inFeatures);
  if (held.every(({ inFeatures }, i) => sizes[i] >= inFeatures)) return undefined;
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
function unpackedLinears(tensors: readonly PlannedTensor[]): readonly string[] {
  const isMatrix = ({ name, shape }: PlannedTensor): boolean => shape.length === 2 && /\.\d+\..*\.weight$/.test(name);
  return tensors.filter(isMatrix).map(({ name }) => name.replace(/\.weight$/, ""));
}
