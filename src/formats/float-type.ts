import { UnsupportedError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";
import type { FloatType } from "../weights/packed-weight.ts";
import type { TensorHead } from "./weight-format.ts";

const floatTypes: ReadonlyMap<string, FloatType> = new Map([
  ["F32", "f32"],
  ["F16", "f16"],
  ["BF16", "bf16"],
]);

/** The float type of a tensor, or undefined when it holds something else. */
export function floatTypeOf(tensor: Pick<TensorHead, "dtype">): FloatType | undefined {
  return floatTypes.get(tensor.dtype);
}

/** The float type of a tensor that must hold floats. Throws UnsupportedError for any other element type. */
export function requireFloatType(tensor: TensorHead): FloatType {
  const type = floatTypeOf(tensor);
  if (type === undefined) {
    throw new UnsupportedError(
      `tensor ${quote(tensor.name)} holds ${tensor.dtype}; F32, F16 and BF16 can be read here`,
    );
  }
  return type;
}

/** What a float type is called in safetensors. */
export const storedTypes = { f32: "F32", f16: "F16", bf16: "BF16" } as const satisfies Record<FloatType, string>;
