import type { Checkpoint, CheckpointModule } from "../checkpoint/checkpoint.ts";
import type { LoadedLinear, ReadMemory, WeightSource } from "../compile/weight-source.ts";
import { requireFloatType } from "../formats/float-type.ts";
import type { LinearShape } from "../weights/linear-shape.ts";
import { floatBytes } from "../weights/packed-weight.ts";

/**
 * A checkpoint's weights by their sizes, for whoever wants to know what a model takes and not what it says: of packed modules that are
 * alike one is read and stands for all; what is not packed is all zeros, memory that nobody touches.
 */
export class AlikeWeights implements WeightSource {
  readonly hasNormsPlusOne: boolean;
  readonly #checkpoint: Checkpoint;
  readonly #read = new Map<string, Promise<LoadedLinear>>();

  constructor(checkpoint: Checkpoint) {
    this.#checkpoint = checkpoint;
    this.hasNormsPlusOne = checkpoint.hasNormsPlusOne === true;
  }

  hasLinear(module: string): boolean {
    return this.#checkpoint.hasLinear(module);
  }

  byteLengthOf(module: string): number {
    return this.#checkpoint.byteLengthOf(module);
  }

  async linear(module: string, _memory?: ReadMemory, expected?: LinearShape): Promise<LoadedLinear> {
    const found = this.#checkpoint.module(module, expected);
    const key = found === undefined ? module : keyOf(found, expected);
    let linear = this.#read.get(key);
    if (linear === undefined) {
      linear = found?.tensor && expected ? this.#zeros(module, found, expected) : this.#checkpoint.linear(module, undefined, expected); // prettier-ignore
      this.#read.set(key, linear);
    }
    return linear;
  }

  async vector(tensor: string): Promise<Float32Array> {
    return this.#checkpoint.vector(tensor);
  }

  async #zeros(module: string, { tensor }: CheckpointModule, expected: LinearShape): Promise<LoadedLinear> {
    const { inFeatures, outFeatures } = expected;
    const type = tensor === undefined ? "f32" : requireFloatType(tensor);
    const values = new Uint8Array(inFeatures * outFeatures * floatBytes[type]);
    const bias = `${module}.bias`;
    return {
      weight: { scheme: "dense", inFeatures, outFeatures, type, values },
      ...(this.#checkpoint.tensors.has(bias) && { bias: await this.#checkpoint.vector(bias) }),
    };
  }
}

function keyOf(
  { scheme, bits, groupSize, shape, byteLength, tensor }: CheckpointModule,
  expected?: LinearShape,
): string {
  const { inFeatures, outFeatures } = expected ?? {};
  return [scheme, bits, groupSize, ...shape, byteLength, tensor?.dtype, inFeatures, outFeatures].join();
}
