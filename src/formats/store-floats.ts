import { bytesOf } from "../util/bytes.ts";
import { narrowToBfloat16, narrowToHalf } from "../util/float16.ts";
import type { FloatType } from "../weights/packed-weight.ts";

/** Values as a file stores them, rounded to nearest even. */
export function storeFloats(values: Float32Array, type: FloatType): Uint8Array {
  switch (type) {
    case "f32":
      return bytesOf(values);
    case "f16":
      return bytesOf(narrowToHalf(values));
    case "bf16":
      return bytesOf(narrowToBfloat16(values));
  }
}
