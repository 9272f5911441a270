import type { ByteSource } from "../../io/byte-source.ts";
import { FewbitError, FormatError, IoError } from "../../util/errors.ts";
import { mapConcurrent } from "../../util/map-concurrent.ts";
import { quote } from "../../util/quote.ts";
import type { RawTensor } from "../raw-tensor.ts";
import { openSafetensors, type SafetensorsFile } from "./read-safetensors.ts";
import { parseShardIndex } from "./shard-index.ts";

export interface ShardedOptions {
  /** The content of `model.safetensors.index.json`. */
  readonly index: Uint8Array;
  /** Names the index in messages. */
  readonly label?: string;
  /** Opens a file that lies beside the index. Is given plain file names only (see parseShardIndex). */
  readonly open: (fileName: string) => Promise<ByteSource>;
  readonly signal?: AbortSignal;
}

/** To open is to wait for a disk or a server to send a header, and both can send several at once. */
const openAtOnce = 8;

/**
 * Opens a checkpoint of several files through its index. Every tensor of the index must be in the file that it names;
 * a tensor in two files is an error. What the files hold beyond the index counts too: tools that add tensors forget the
 * index. Throws FormatError where index and files contradict each other; then nothing stays open.
 */
export async function openShardedSafetensors(options: ShardedOptions): Promise<SafetensorsFile> {
  const { index, label = "model.safetensors.index.json" } = options;
  const fileOfTensor = parseShardIndex(index, label);
  const fileNames = [...new Set(fileOfTensor.values())].sort();
  const sources: ByteSource[] = [];
  try {
    const files = new Map<string, SafetensorsFile>();
    await mapConcurrent(fileNames, openAtOnce, async (fileName) => {
      const source = await openShard(fileName, options, label);
      sources.push(source);
      files.set(fileName, await openSafetensors(source, options));
    });
    for (const [tensor, fileName] of fileOfTensor) {
      if (!files.get(fileName)?.tensors.has(tensor)) {
        throw new FormatError(
          `${label}: tensor ${quote(tensor)} is not in ${quote(fileName)}, where the index puts it`,
        );
      }
    }
    return union(
      fileNames.flatMap((fileName) => files.get(fileName) ?? []),
      label,
    );
  } catch (error) {
    await closeAll(sources);
    throw error;
  }
}

async function openShard(fileName: string, options: ShardedOptions, label: string): Promise<ByteSource> {
  try {
    return await options.open(fileName);
  } catch (cause) {
    if (cause instanceof FewbitError) throw cause;
    throw new IoError(`${label}: the file ${quote(fileName)}, which it names, cannot be opened`, { cause });
  }
}

/**
 * Opens several files without an index as one: the union of their tensors, whose names must be unique. Takes the
 * sources: they are closed with the result, or when this fails.
 */
export async function openSafetensorsFiles(
  sources: readonly ByteSource[],
  options: { readonly label?: string; readonly signal?: AbortSignal } = {},
): Promise<SafetensorsFile> {
  try {
    const files = await mapConcurrent(sources, openAtOnce, (source) => openSafetensors(source, options));
    return union(files, options.label ?? files.map(({ label }) => label).join(", "));
  } catch (error) {
    await closeAll(sources);
    throw error;
  }
}

function union(files: readonly SafetensorsFile[], label: string): SafetensorsFile {
  const tensors = new Map<string, RawTensor>();
  const metadata = new Map<string, string>();
  for (const file of files) {
    for (const [name, tensor] of file.tensors) {
      if (tensors.has(name)) {
        const other = files.find((candidate) => candidate.tensors.has(name))?.label ?? "";
        throw new FormatError(`${label}: tensor ${quote(name)} is in two files, ${other} and ${file.label}`);
      }
      tensors.set(name, tensor);
    }
    // The files of one checkpoint repeat each other here; where they differ, the first has its way.
    for (const [key, value] of file.metadata) if (!metadata.has(key)) metadata.set(key, value);
  }
  const close = (): Promise<void> => closeAll(files);
  return { label, tensors, metadata, close, [Symbol.asyncDispose]: close };
}

async function closeAll(files: readonly { close(): Promise<void> }[]): Promise<void> {
  await Promise.all(files.map((file) => file.close()));
}
