import type { Dtype } from "../containers/raw-tensor.ts";
import type { JsonObject } from "../util/json.ts";
import type { AffineZeroWeight, WeightSummary } from "../weights/packed-weight.ts";
import type { RoundingOptions } from "../weights/round-to-nearest.ts";
import type { TensorData } from "./weight-format.ts";

/** A tensor that is to be written; its bytes are made when they are asked for. */
export interface EncodedTensor {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly bytes: () => Uint8Array;
}

/** A module as a quantization config tells of it. */
export interface EncodedModule extends WeightSummary {
  readonly name: string;
}

/**
 * The inverse of a WeightFormat's decode, for one variant of the format. Its methods are pure. What `refuses` lets pass, `encode`
 * writes so that the decoded weight has the same values bit for bit.
 */
export interface WeightEncoder {
  /** What users call it: "gptq_v2". */
  readonly name: string;
  /** True: all modules have the group size that the config names, so that larger groups are cut into such. */
  readonly hasOneGroupSize: boolean;
  /** Why the weight has no exact form in this format; undefined: it has one. */
  refuses(weight: AffineZeroWeight): string | undefined;
  /** The tensors of a module that is not refused; none of their bytes is made yet. */
  encode(module: string, weight: AffineZeroWeight): readonly EncodedTensor[];
  /** What the nearest weight that can be written looks like, where the exact one cannot; a string: there is none, because of that. */
  nearest(shape: Pick<AffineZeroWeight, "inFeatures" | "outFeatures" | "bits" | "groupSize">): RoundingOptions | string;
  /** The quantization config of a checkpoint of these modules; `unpacked` names its linears that are not among them. */
  declare(modules: readonly EncodedModule[], unpacked: readonly string[]): JsonObject;
}

/** The tensors with their bytes, as decode takes them. */
export function withBytes(tensors: readonly EncodedTensor[]): ReadonlyMap<string, TensorData> {
  return new Map(
    tensors.map(({ name, dtype, shape, bytes }) => [name, { name, dtype, shape: [...shape], bytes: bytes() }]),
  );
}
