import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { planLoads, projectionsOf } from "../compile/plan-loads.ts";
import type { LoadedLinear } from "../compile/weight-source.ts";
import type { RawTensor } from "../containers/raw-tensor.ts";
import { floatTypeOf } from "../formats/float-type.ts";
import type { Layer, LinearModule, Model } from "../models/model.ts";
import { createModel } from "../models/models.ts";
import { FormatError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";
import { floatValues } from "../weights/float-values.ts";
import type { PackedWeight } from "../weights/packed-weight.ts";

/** What a conversion takes from a checkpoint, under the names of a folder of safetensors. */
export type SourcePart = CopiedPart | LinearPart | FloatsPart;

/** A tensor that stays as it lies. */
export interface CopiedPart {
  readonly kind: "copied";
  readonly tensor: RawTensor<string>;
}

/** The weight of a module, which becomes packed, or floats. */
export interface LinearPart {
  readonly kind: "linear";
  readonly name: string;
  readonly inFeatures: number;
  readonly scheme: PackedWeight["scheme"];
  readonly groupSize?: number;
  /** With its bias, where no part of its own has that. */
  readonly read: () => Promise<LoadedLinear>;
}

/** A tensor of floats that stays floats: of what type, the conversion says. */
export interface FloatsPart {
  readonly kind: "floats";
  readonly name: string;
  readonly shape: readonly number[];
  readonly read: () => Promise<ReadFloats>;
}

export interface ReadFloats {
  readonly values: PackedWeight | Float32Array;
  /** Of a module, where no part of its own has it. */
  readonly bias?: Float32Array;
  /** Values that are 1 more than those here, which an architecture's norms are in one container and not in the other. */
  readonly shiftedFrom?: Float32Array;
}

/**
 * A checkpoint in parts. Of packed safetensors the packed modules are linears, and all else is copied. Of dense ones, where they are to
 * be packed, the linears of the model's layers are such, but for embedding, head and routers; where not, all floats may change their
 * type. A file of ggml has its model's modules under their own names, rows of q and k in the usual order. Throws as createModel and
 * planLoads where the model must be known.
 */
export async function sourceParts(checkpoint: Checkpoint, isPacked: boolean): Promise<readonly SourcePart[]> {
  if (checkpoint.format === "gguf" || checkpoint.format === "ggml") return ggmlParts(checkpoint);
  const modules = checkpoint.modules();
  if (modules.every(({ tensor }) => tensor !== undefined)) return denseParts(checkpoint, isPacked);
  return modules.map((module): SourcePart => {
    const { name, tensor, shape, scheme, groupSize } = module;
    if (tensor !== undefined) return { kind: "copied", tensor };
    const read = async (): Promise<LoadedLinear> => ({ weight: await checkpoint.stored(module) });
    return { kind: "linear", name, inFeatures: shape[1], scheme, ...(groupSize !== undefined && { groupSize }), read };
  });
}

function denseParts(checkpoint: Checkpoint, isPacked: boolean): readonly SourcePart[] {
  const packable = isPacked ? packableModules(createModel(checkpoint.config, checkpoint.configLabel)) : undefined;
  return [...checkpoint.tensors.values()].map((tensor): SourcePart => {
    const type = floatTypeOf(tensor);
    const module = tensor.name.replace(/\.weight$/, "");
    if (packable?.has(module) === true && tensor.shape.length === 2 && type !== undefined) {
      const read = async (): Promise<LoadedLinear> => ({ weight: (await checkpoint.linear(module)).weight });
      return { kind: "linear", name: module, inFeatures: tensor.shape[1], scheme: "dense", read };
    }
    if (isPacked || type === undefined) return { kind: "copied", tensor };
    const read = async (): Promise<{ values: Float32Array }> => ({ values: floatValues(await tensor.read(), type) });
    return { kind: "floats", name: tensor.name, shape: tensor.shape, read };
  });
}

async function ggmlParts(checkpoint: Checkpoint): Promise<readonly SourcePart[]> {
  const model = createModel(checkpoint.config, checkpoint.configLabel);
  const { projections, vectors } = planLoads(model, checkpoint);
  const packable = packableModules(model);
  const parts: SourcePart[] = [];
  for (const linear of projections.flatMap(({ modules }) => modules)) {
    const { module: name, inFeatures, outFeatures } = linear;
    const found = checkpoint.module(name, linear);
    if (found === undefined) throw new FormatError(`${checkpoint.label}: has no weight for the module ${quote(name)}`);
    const read = (): Promise<LoadedLinear> => checkpoint.linear(name, undefined, linear);
    const { scheme, groupSize } = found;
    parts.push(
      packable.has(name)
        ? { kind: "linear", name, inFeatures, scheme, ...(groupSize !== undefined && { groupSize }), read }
        : {
            ...{ kind: "floats", name: `${name}.weight`, shape: [outFeatures, inFeatures] },
            read: async () => {
              const { weight, bias } = await read();
              return { values: weight, ...(bias && { bias }) };
            },
          },
    );
  }
  for (const { tensor: name, length, plusOne } of vectors) {
    const isShifted = plusOne === true && checkpoint.hasNormsPlusOne === true;
    const read = async (): Promise<ReadFloats> => {
      const values = await checkpoint.vector(name);
      return isShifted ? { values: values.map((value) => value - 1), shiftedFrom: values } : { values };
    };
    parts.push({ kind: "floats", name, shape: [length], read });
  }
  return parts;
}

/** The linears that packed checkpoints pack: those of layers, but not routers, which are small and much depends on. */
function packableModules(model: Model): ReadonlySet<string> {
  const isPackable = (layer: Layer, { module }: LinearModule): boolean =>
    layer.kind !== "embedding" &&
    layer.kind !== "head" &&
    (layer.kind !== "experts" || (module !== layer.router.module && module !== layer.shared?.gate.module));
  const linears = model.layers.flatMap((layer) =>
    projectionsOf(model, layer)
      .flat()
      .filter((linear) => isPackable(layer, linear))
      .flatMap((linear) => [linear, ...(linear.parts ?? [])]),
  );
  return new Set(linears.map(({ module }) => module));
}
