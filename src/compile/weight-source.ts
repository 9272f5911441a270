import type { LinearShape } from "../weights/linear-shape.ts";
import type { PackedWeight } from "../weights/packed-weight.ts";

/** Where the compile step gets a checkpoint's weights from, by module name. */
export interface WeightSource {
  /** True: where a model's norms multiply by 1 + w, the checkpoint holds 1 + w. */
  readonly hasNormsPlusOne?: boolean;
  /** Whether the checkpoint holds a weight for the module, packed or dense. */
  hasLinear(module: string): boolean;
  /** A module's shape by its tensors' headers; absent: only reading tells. `expected` and errors as in `linear`. */
  shapeOf?(module: string, expected?: LinearShape): LinearShape;
  /** Bytes that `linear` would read for the module. */
  byteLengthOf(module: string): number;
  /**
   * Reads one module's weight and its bias, if it has one. Throws FormatError where tensors contradict each other.
   * The weight's bytes lie in `memory`, or in new memory; either way they are the caller's. The bias is always new.
   * A source may settle by the shape that the model expects how the tensors lie; it need not come to it.
   */
  linear(module: string, memory?: ReadMemory, expected?: LinearShape): Promise<LoadedLinear>;
  /** Reads a dense vector, a norm's weight say, as f32. `tensor` is the tensor's whole name. */
  vector(tensor: string): Promise<Float32Array>;
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
