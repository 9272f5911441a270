import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { floatTypeOf } from "../formats/float-type.ts";
import type { Model } from "../models/model.ts";
import type { FloatType } from "../weights/packed-weight.ts";

/** By the names of PyTorch. */
const configTypes: ReadonlyMap<unknown, FloatType> = new Map([
  ["float32", "f32"],
  ["float16", "f16"],
  ["bfloat16", "bf16"],
]);

/**
 * What the activations of a checkpoint are by itself: the type of the embedding or, where that is quantized, what config.json says, and else
 * bf16, whose range no model leaves.
 */
export function storedDtype(checkpoint: Pick<Checkpoint, "config" | "module">, model: Model): FloatType {
  const { config } = checkpoint;
  const embedding = model.layers.find((layer) => layer.kind === "embedding");
  const tensor = embedding && checkpoint.module(embedding.module)?.tensor;
  return (tensor && floatTypeOf(tensor)) ?? configTypes.get(config?.dtype ?? config?.torch_dtype) ?? "bf16";
}
