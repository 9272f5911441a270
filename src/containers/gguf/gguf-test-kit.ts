import { openMemory } from "../../io/memory-source.ts";
import { openGguf, type GgufFile } from "./open-gguf.ts";
import { writeGguf, type GgufTensorToWrite, type MetadataField } from "./write-gguf.ts";

export interface TestTensor extends Omit<GgufTensorToWrite, "data"> {
  readonly bytes: Uint8Array;
}

/** What the writer makes of these tensors, in one piece. */
export async function encodeGguf(
  tensors: readonly TestTensor[],
  metadata: Readonly<Record<string, MetadataField>> = {},
): Promise<Uint8Array> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const inputs = tensors.map((tensor) => ({ ...tensor, data: () => [tensor.bytes] }));
  await writeGguf(inputs, (bytes) => void pieces.push(bytes.slice()), { metadata: new Map(Object.entries(metadata)) });
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

export const openBytes = (...files: readonly Uint8Array[]): Promise<GgufFile> =>
  openGguf(files.map((bytes, i) => openMemory(bytes, `part${i}.gguf`)));
