import type { PreparedWeight } from "../device/backend.ts";
import { createModel } from "../models/models.ts";
import type { LinearModule, Model } from "../models/model.ts";
import type { DenseWeight, PackedWeight } from "../weights/packed-weight.ts";
import { projectionsOf, vectorsOf } from "./plan-loads.ts";
import type { WeightDevice } from "./load-weights.ts";
import type { LoadedLinear, WeightSource } from "./weight-source.ts";

/** A model of two layers and few features. */
export function tinyModel(architecture: string, changes: object = {}): Model {
  return createModel({
    architectures: [architecture],
    vocab_size: 32,
    hidden_size: 8,
    intermediate_size: 12,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 2,
    rms_norm_eps: 1e-5,
    max_position_embeddings: 64,
    ...changes,
  });
}

export interface FakeSourceOptions {
  /** Modules that the checkpoint lacks. */
  readonly lacks?: readonly string[];
  /** Replaces the outputs of modules whose name has this end. */
  readonly outFeatures?: Readonly<Record<string, number>>;
  /** Modules whose name has one of these ends have a bias, all of whose values are 1 + the index of the end. */
  readonly biases?: readonly string[];
  /** True: linears that may stand in the file as parts do. */
  readonly split?: boolean;
}

/** A checkpoint of zeros, with every module of a model in the shape that the model wants. */
export class FakeSource implements WeightSource {
  readonly #modules = new Map<string, LinearModule>();
  readonly #vectors = new Map<string, number>();
  readonly #options: FakeSourceOptions;

  constructor(model: Model, options: FakeSourceOptions = {}) {
    this.#options = options;
    for (const layer of model.layers) {
      const isTied = layer.kind === "head" && layer.tiedTo !== undefined;
      if (!isTied) for (const module of projectionsOf(model, layer).flat()) this.#add(module);
      for (const { tensor, length } of vectorsOf(model, layer)) this.#vectors.set(tensor, length);
    }
    for (const module of options.lacks ?? []) this.#modules.delete(module);
  }

  hasLinear(module: string): boolean {
    return this.#modules.has(module);
  }

  byteLengthOf(module: string): number {
    const { inFeatures = 0, outFeatures = 0 } = this.#modules.get(module) ?? {};
    return 2 * inFeatures * outFeatures;
  }

  linear(module: string): Promise<LoadedLinear> {
    const found = this.#modules.get(module);
    if (found === undefined) throw new TypeError(`the fake source has no ${module}`);
    const [, outFeatures] = Object.entries(this.#options.outFeatures ?? {}).find(([end]) => module.endsWith(end)) ?? [
      "",
      found.outFeatures,
    ];
    const bias = (this.#options.biases ?? []).findIndex((end) => module.endsWith(end));
    return Promise.resolve({
      weight: denseZeros(found.inFeatures, outFeatures),
      ...(bias >= 0 && { bias: new Float32Array(outFeatures).fill(1 + bias) }),
    });
  }

  vector(tensor: string): Promise<Float32Array> {
    const length = this.#vectors.get(tensor);
    if (length === undefined) throw new TypeError(`the fake source has no ${tensor}`);
    return Promise.resolve(new Float32Array(length).fill(1));
  }

  #add(module: LinearModule): void {
    if (this.#options.split && module.parts !== undefined) module.parts.forEach((part) => this.#add(part));
    else this.#modules.set(module.module, module);
  }
}

/** A device that computes nothing, and counts what is alive on it. */
export class FakeDevice implements WeightDevice {
  /** Output widths of the parts of every prepared weight, in order of preparation. */
  readonly prepared: (readonly number[])[] = [];
  live = 0;
  keepsBytes = false;
  readonly #refuses: (parts: readonly PackedWeight[]) => string | undefined;
  readonly #failAt: number;

  constructor(refuses: (parts: readonly PackedWeight[]) => string | undefined = () => undefined, failAt = Infinity) {
    this.#refuses = refuses;
    this.#failAt = failAt;
  }

  refusesToFuse(parts: readonly PackedWeight[]): string | undefined {
    return this.#refuses(parts);
  }

  prepare(parts: readonly PackedWeight[]): Promise<PreparedWeight> {
    if (this.prepared.length === this.#failAt) return Promise.reject(new RangeError("the fake device is full"));
    this.prepared.push(parts.map(({ outFeatures }) => outFeatures));
    this.live++;
    return Promise.resolve({
      kernel: "fake",
      byteLength: 0,
      keepsBytes: this.keepsBytes,
      [Symbol.dispose]: () => void this.live--,
    });
  }
}

function denseZeros(inFeatures: number, outFeatures: number): DenseWeight {
  return {
    scheme: "dense",
    inFeatures,
    outFeatures,
    type: "f16",
    values: new Uint8Array(2 * inFeatures * outFeatures),
  };
}
