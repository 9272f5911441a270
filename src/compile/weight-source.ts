import type { PackedWeight } from "../weights/packed-weight.ts";

/** Where the compile step gets a checkpoint's weights from, by module name. */
export interface WeightSource {
  /** True: where a model's norms multiply by 1 + w, the checkpoint holds 1 + w. */
  readonly hasNormsPlusOne?: boolean;
  /** Whether the checkpoint holds a weight for the module, packed or dense. */
  hasLinear(module: string): boolean;
  /** A module's shape by its tensors' headers; absent: only reading tells. Throws as `linear`. */
  shapeOf?(module: string): LinearShape;
  /** Bytes that `linear` would read for the module. */
  byteLengthOf(module: string): number;
  /**
   * Reads one module's weight and its bias, if it has one. Throws FormatError where tensors contradict each other.
   * The weight's bytes lie in `memory`, or in new memory; either way they are the caller's. The bias is always new.
   */
  linear(module: string, memory?: ReadMemory): Promise<LoadedLinear>;
  /** Reads a dense vector, a norm's weight say, as f32. `tensor` is the tensor's whole name. */
  vector(tensor: string): Promise<Float32Array>;
}

export interface LinearShape {
  readonly inFeatures: number;
  readonly outFeatures: number;
}

export interface LoadedLinear {
  readonly weight: PackedWeight;
  readonly bias?: Float32Array;
}

/** Memory to read into, so that a model's loading need not leave behind as much garbage as the model has bytes. */
export interface ReadMemory {
  /** At least this many bytes, of any content, at an address that is a multiple of 8. */
  take(byteLength: number): Uint8Array;
}
