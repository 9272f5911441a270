import { openMemory } from "../../io/memory-source.ts";
import { openSafetensors, type SafetensorsFile } from "./read-safetensors.ts";
import { writeSafetensors, type TensorInfo } from "./write-safetensors.ts";

export interface TestTensor extends TensorInfo {
  readonly bytes: Uint8Array;
}

/** What the writer makes of these tensors, in one piece. */
export async function encode(
  tensors: readonly TestTensor[],
  metadata: ReadonlyMap<string, string> = new Map(),
): Promise<Uint8Array> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const inputs = tensors.map((tensor) => ({ ...tensor, data: () => [tensor.bytes] }));
  await writeSafetensors(inputs, (bytes) => void pieces.push(bytes.slice()), { metadata });
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

export const openBytes = (bytes: Uint8Array, label?: string): Promise<SafetensorsFile> =>
  openSafetensors(openMemory(bytes, label));

/** Everything in a file, as plain data to compare. */
export async function contentOf(file: SafetensorsFile): Promise<TestTensor[]> {
  return Promise.all(
    [...file.tensors.values()].map(async (tensor) => {
      const { name, dtype, shape } = tensor;
      return { name, dtype, shape, bytes: await tensor.read() };
    }),
  );
}
