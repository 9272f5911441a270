import type { PackedWeight } from "../weights/packed-weight.ts";

/** Where the compile step gets a checkpoint's weights from, by module name. */
export interface WeightSource {
  /** Whether the checkpoint holds a weight for the module, packed or dense. */
  hasLinear(module: string): boolean;
  /**
   * Reads one module's weight and its bias, if it has one. Throws FormatError where tensors contradict each other.
   * The bytes are the caller's.
   */
  linear(module: string): Promise<LoadedLinear>;
  /** Reads a dense vector, a norm's weight, as f32. `tensor` is the tensor's whole name. */
  vector(tensor: string): Promise<Float32Array>;
}

export interface LoadedLinear {
  readonly weight: PackedWeight;
  readonly bias?: Float32Array;
}
