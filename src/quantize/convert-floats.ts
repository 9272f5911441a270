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
  return type === "f32" ? undefined : compareFloats(storeFloats(values, type), type, values);
}

/** What values lose when 1 is taken from them: where they are below 0.5 the difference has fewer bits. undefined: nothing. */
export function lossOfShift(values: Float32Array): Loss | undefined {
  const back = values.map((value) => Math.fround(value - 1) + 1);
  return compareFloats(bytesOf(back), "f32", values);
}

function compareFloats(found: Uint8Array, type: FloatType, wanted: Float32Array): Loss | undefined {
  if (wanted.length === 0) return undefined;
  const row = (values: Uint8Array, of: FloatType): DenseWeight => ({
    ...{ scheme: "dense", inFeatures: 1, outFeatures: wanted.length },
    ...{ type: of, values },
  });
  return compareWeights(row(found, type), row(bytesOf(wanted), "f32"));
}
