import type { EncodedTensor } from "../formats/weight-encoder.ts";
import { storedTypes } from "../formats/float-type.ts";
import { storeFloats } from "../formats/store-floats.ts";
import { bytesOf } from "../util/bytes.ts";
import { compareWeights, type Loss } from "../weights/compare-weights.ts";
import type { DenseWeight, FloatType } from "../weights/packed-weight.ts";

/** Values as a tensor of a float type. */
export function floatTensor(
  name: string,
  shape: readonly number[],
  values: Float32Array,
  type: FloatType,
): EncodedTensor {
  return { name, dtype: storedTypes[type], shape, bytes: () => storeFloats(values, type) };
}

/** What rounding to the type costs; undefined: nothing. */
export function lossOfFloats(values: Float32Array, type: FloatType): Loss | undefined {
  if (type === "f32" || values.length === 0) return undefined;
  const row = (bytes: Uint8Array, of: FloatType): DenseWeight => ({
    ...{ scheme: "dense", inFeatures: 1, outFeatures: values.length },
    ...{ type: of, values: bytes },
  });
  return compareWeights(row(storeFloats(values, type), type), row(bytesOf(values), "f32"));
}
