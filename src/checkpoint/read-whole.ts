import type { ReadMemory } from "../compile/weight-source.ts";
import type { RawTensor } from "../containers/raw-tensor.ts";
import type { TensorData } from "../formats/weight-format.ts";

/** A tensor with its bytes, which lie in `memory` or in new memory. */
export async function readWhole(tensor: RawTensor<string>, memory?: ReadMemory): Promise<TensorData> {
  const { name, dtype, shape, byteLength } = tensor;
  const bytes = await tensor.read(memory && { into: memory.take(byteLength) });
  return { name, dtype, shape, bytes };
}
