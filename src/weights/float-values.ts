import { asFloat32, asUint16 } from "../util/bytes.ts";
import { widenBfloat16, widenHalf } from "../util/float16.ts";
import type { FloatType } from "./packed-weight.ts";

/**
 * Stored floats as f32; widening is exact. The result of "f32" shares memory with `bytes` where these are aligned.
 * Throws FormatError when `bytes` is no whole number of values.
 */
export function floatValues(bytes: Uint8Array, type: FloatType): Float32Array {
  switch (type) {
    case "f32":
      return asFloat32(bytes);
    case "f16":
      return widenHalf(asUint16(bytes));
    case "bf16":
      return widenBfloat16(asUint16(bytes));
  }
}
