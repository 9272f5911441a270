import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { planLoads } from "../compile/plan-loads.ts";
import { ggmlByteLength } from "../containers/ggml/block-bytes.ts";
import type { GgufTensorToWrite, MetadataField } from "../containers/gguf/write-gguf.ts";
import { ggmlForm, type GgmlForm } from "../formats/ggml/encode-ggml.ts";
import { ggufArchitectureOf, writtenClasses, type GgufArchitecture } from "../formats/ggml/gguf-architecture.ts";
import { dimensionsOf, ggufFields, ropeTensors, text, u32 } from "../formats/ggml/gguf-fields.ts";
import { ggufExpert, ggufName } from "../formats/ggml/gguf-names.ts";
import { fileTypes, type GgufType } from "../formats/ggml/gguf-type.ts";
import { halvesToPairs } from "../formats/ggml/pair-rows.ts";
import type { LinearModule, Model } from "../models/model.ts";
import { createModel } from "../models/models.ts";
import { throwIfAborted } from "../util/abort.ts";
import { bytesOf } from "../util/bytes.ts";
import { UnsupportedError } from "../util/errors.ts";
import type { JsonObject } from "../util/json.ts";
import { quote } from "../util/quote.ts";
import { isBlockType } from "../weights/blocks/block-type.ts";
import type { CandidateSearch } from "../weights/blocks/candidate-search.ts";
import type { LossyModule } from "./plan-conversion.ts";
import { refusedModules } from "./refused-modules.ts";

export interface GgufOptions {
  /** What linears are written as; absent: what holds each exactly. */
  readonly type?: GgufType;
  /** Goes on where values change. */
  readonly requantize: boolean;
  readonly search: CandidateSearch;
  /** `general.name`. */
  readonly name: string;
  /** The text half, as metadata. */
  readonly textFields: ReadonlyMap<string, MetadataField>;
  readonly signal?: AbortSignal;
  /** Told how many linears were tried, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** A GGUF file that is to be written: its tensors are made, once more, when their turn comes. */
export interface GgufPlan {
  readonly metadata: ReadonlyMap<string, MetadataField>;
  readonly tensors: readonly PlannedGgufTensor[];
  readonly lossy: readonly LossyModule[];
  /** Linears, embedding and head included. */
  readonly linearCount: number;
  readonly byteLength: number;
}

export interface PlannedGgufTensor extends GgufTensorToWrite {
  readonly byteLength: number;
}

/** A matrix, or the matrices of all experts. */
interface Stack {
  readonly name: string;
  readonly modules: LinearModule[];
  readonly isOfExperts: boolean;
}

/**
 * Tries every linear of a checkpoint in the type that it is to get, and tells the file's header. Throws UnsupportedError for an
 * architecture that is not written, and, with the modules and reasons, where values would change and `requantize` does not allow it.
 */
export async function planGguf(checkpoint: Checkpoint, options: GgufOptions): Promise<GgufPlan> {
  const { config = {}, configLabel, label } = checkpoint;
  const model = createModel(checkpoint.config, configLabel);
  const found = ggufArchitectureOf(model.architecture);
  if (found === undefined) {
    throw new UnsupportedError(
      `${label}: GGUF files of ${model.architecture} are not written; those of ${writtenClasses.join(", ")} are`,
    );
  }
  const { name, architecture } = found;
  const loads = planLoads(model, checkpoint);
  const linears = loads.projections.flatMap(({ modules }) => modules);
  const stacks = stacksOf(linears, architecture, label);
  const context: Context = { checkpoint, config, architecture, options };

  const tensors: PlannedGgufTensor[] = ropeTensors(config, frequenciesOf(model)).map(({ name: tensor, values }) =>
    floats(tensor, Float32Array.from(values)),
  );
  const lossy: LossyModule[] = [];
  const refusals: string[] = [];
  let done = 0;
  for (const stack of stacks) {
    let type = wantedType(stack, options);
    for (const { module } of stack.modules) {
      throwIfAborted(options.signal, "converting");
      const { form, bias } = await formOf(context, module, type);
      options.onProgress?.(++done, linears.length);
      if (typeof form === "string") {
        refusals.push(`${quote(module)} ${form}`);
        continue;
      }
      type = form.type; // of one stack all have it
      if (form.loss !== undefined) lossy.push({ name: module, reason: `rounded to ${form.type}`, ...form.loss });
      if (bias !== undefined) tensors.push(floats(`${stack.name}.bias`, bias));
    }
    if (type !== undefined && refusals.length === 0) tensors.push(planned(context, stack, type));
  }
  if (refusals.length > 0) throw refusedModules(label, refusals, options.requantize);
  for (const vector of loads.vectors) {
    const values = await checkpoint.vector(vector.tensor);
    const isShifted = vector.plusOne === true && checkpoint.hasNormsPlusOne !== true;
    const [, module = "", part = ""] = /^(.*)\.([^.]*)$/.exec(vector.tensor) ?? [];
    const plain = isShifted ? values.map((value) => 1 + value) : values;
    tensors.push(floats(`${nameOf(module, architecture, label)}.${part}`, plain));
  }
  return {
    metadata: new Map([
      ...ggufFields(name, architecture, { ...config, vocab_size: model.vocabSize }, rotaryDimOf(model)),
      ["general.name", text(options.name)],
      ["general.quantization_version", u32(2)],
      ...fileTypeOf(tensors),
      ...options.textFields,
    ]),
    tensors,
    lossy,
    linearCount: linears.length,
    byteLength: tensors.reduce((sum, { byteLength }) => sum + byteLength, 0),
  };
}

interface Context {
  readonly checkpoint: Checkpoint;
  readonly config: JsonObject;
  readonly architecture: GgufArchitecture;
  readonly options: GgufOptions;
}

function stacksOf(linears: readonly LinearModule[], architecture: GgufArchitecture, label: string): readonly Stack[] {
  const stacks = new Map<string, Stack>();
  for (const linear of linears) {
    const expert = ggufExpert(linear.module);
    const name = expert?.stack ?? nameOf(linear.module, architecture, label);
    const stack = stacks.get(name);
    if (stack === undefined) stacks.set(name, { name, modules: [linear], isOfExperts: expert !== undefined });
    else stack.modules.push(linear);
  }
  return [...stacks.values()];
}

function nameOf(module: string, architecture: GgufArchitecture, label: string): string {
  const name = ggufName(module, architecture);
  if (name !== undefined) return name;
  throw new UnsupportedError(`${label}: GGUF has no name for ${quote(module)}`);
}

/**
 * Embedding and head keep six bits or more, as llama.cpp has it: they cost little, and much depends on them; they stay what they are where nothing may be rounded. A router is small, and
 * llama.cpp wants its floats.
 */
function wantedType({ name }: Stack, { type, requantize }: GgufOptions): GgufType | undefined {
  if (name.includes("ffn_gate_inp")) return "F32";
  if (type === undefined || (name !== "token_embd" && name !== "output")) return type;
  if (isBlockType(type) && !requantize) return undefined;
  const isCoarse = !["F32", "F16", "BF16", "Q8_0", "Q6_K"].includes(type);
  return isCoarse ? (type.endsWith("_K") ? "Q6_K" : "Q8_0") : type;
}

async function formOf(
  { checkpoint, config, architecture, options }: Context,
  module: string,
  type: GgufType | undefined,
): Promise<{ readonly form: GgmlForm | string; readonly bias?: Float32Array }> {
  const { weight, bias } = await checkpoint.linear(module);
  const { requantize, search } = options;
  const form = await ggmlForm(weight, { ...(type && { type }), requantize, search });
  const heads = architecture.pairRows ? pairedHeads(module, config) : undefined;
  if (heads !== undefined) {
    if (typeof form !== "string") halvesToPairs(form.bytes, weight.outFeatures, heads);
    if (bias !== undefined) halvesToPairs(bytesOf(bias), bias.length, heads);
  }
  return { form, ...(bias && { bias }) };
}

function pairedHeads(module: string, config: JsonObject): number | undefined {
  const { heads, kvHeads } = dimensionsOf(config);
  if (module.endsWith(".self_attn.q_proj")) return heads;
  return module.endsWith(".self_attn.k_proj") ? kvHeads : undefined;
}

function planned(context: Context, { name, modules, isOfExperts }: Stack, dtype: GgufType): PlannedGgufTensor {
  const [{ inFeatures, outFeatures }] = modules;
  const shape = isOfExperts ? [modules.length, outFeatures, inFeatures] : [outFeatures, inFeatures];
  return {
    ...{ name: `${name}.weight`, dtype, shape, byteLength: lengthOf(dtype, shape) },
    async *data() {
      for (const { module } of modules) {
        throwIfAborted(context.options.signal, "converting");
        const { form } = await formOf(context, module, dtype);
        if (typeof form !== "string") yield form.bytes;
      }
    },
  };
}

function floats(name: string, values: Float32Array): PlannedGgufTensor {
  return { name, dtype: "F32", shape: [values.length], byteLength: values.byteLength, data: () => [values] };
}

function lengthOf(dtype: GgufType, shape: readonly number[]): number {
  const length = ggmlByteLength(dtype, shape);
  if (typeof length === "object") throw new UnsupportedError(length.problem);
  return length;
}

function frequenciesOf({ ropes }: Model): Float32Array {
  return ropes[0]?.variants[0]?.inverseFrequencies ?? new Float32Array(0);
}

function rotaryDimOf({ ropes }: Model): number {
  return ropes[0]?.rotaryDim ?? 0;
}

/** The type that takes most of the file. */
function fileTypeOf(tensors: readonly PlannedGgufTensor[]): readonly (readonly [string, MetadataField])[] {
  const bytes = new Map<string, number>();
  for (const { dtype, byteLength, shape } of tensors)
    if (shape.length > 1) bytes.set(dtype, (bytes.get(dtype) ?? 0) + byteLength);
  const [most] = [...bytes].sort((a, b) => b[1] - a[1]);
  const id = most && fileTypes[most[0] as GgufType];
  return id === undefined ? [] : [["general.file_type", u32(id)]];
}
