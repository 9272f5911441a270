import { writeSafetensors } from "../containers/safetensors/write-safetensors.ts";
import type { Sink } from "../containers/write-tensor.ts";
import type { Conversion, PlannedTensor } from "./plan-conversion.ts";

/** Where files go. */
export interface OutputFolder {
  /** True: a file of that name was written whole before, for the same conversion, and is kept. */
  has(name: string): boolean;
  /** Makes a file, whole or not at all. */
  write(name: string, fill: (sink: Sink) => Promise<void>): Promise<void>;
}

export interface WriteConversionOptions {
  /** Bytes of tensors in one file, unless a module alone has more. */
  readonly shardBytes: number;
  readonly signal?: AbortSignal;
  /** Told of the bytes of tensors that are written, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
}

interface Shard {
  readonly fileName: string;
  readonly tensors: readonly PlannedTensor[];
  readonly byteLength: number;
}

/** Loaders of transformers want it. */
const metadata: ReadonlyMap<string, string> = new Map([["format", "pt"]]);

/** Writes the weights as safetensors, in several files with an index where one would be too large. Gives the names of all files. */
export async function writeConversion(
  conversion: Conversion,
  folder: OutputFolder,
  { shardBytes, signal, onProgress }: WriteConversionOptions,
): Promise<readonly string[]> {
  const shards = planShards(conversion, shardBytes);
  let done = 0;
  for (const { fileName, tensors, byteLength } of shards) {
    if (folder.has(fileName)) {
      done += byteLength;
      onProgress?.(done, conversion.byteLength);
      continue;
    }
    const counted = tensors.map((tensor) => ({
      ...tensor,
      async *data() {
        for await (const piece of tensor.data()) {
          yield piece;
          done += piece.byteLength;
          onProgress?.(done, conversion.byteLength);
        }
      },
    }));
    await folder.write(fileName, (sink) => writeSafetensors(counted, sink, { metadata, ...(signal && { signal }) }));
  }
  if (shards.length === 1) return [shards[0].fileName];
  const index = indexOf(shards, conversion.byteLength);
  await folder.write(indexName, (sink) => Promise.resolve(sink(new TextEncoder().encode(index))));
  return [...shards.map(({ fileName }) => fileName), indexName];
}

const indexName = "model.safetensors.index.json";

function planShards({ modules }: Conversion, shardBytes: number): readonly Shard[] {
  const parts: { tensors: PlannedTensor[]; byteLength: number }[] = [];
  for (const tensors of modules) {
    const byteLength = tensors.reduce((sum, tensor) => sum + tensor.byteLength, 0);
    const last = parts.at(-1);
    if (last !== undefined && last.byteLength + byteLength <= shardBytes) {
      last.tensors.push(...tensors);
      last.byteLength += byteLength;
    } else parts.push({ tensors: [...tensors], byteLength });
  }
  const number = (value: number): string => String(value).padStart(5, "0");
  return parts.map((part, i) => ({
    ...part,
    fileName:
      parts.length === 1 ? "model.safetensors" : `model-${number(i + 1)}-of-${number(parts.length)}.safetensors`,
  }));
}

function indexOf(shards: readonly Shard[], totalSize: number): string {
  const files = shards.flatMap(({ fileName, tensors }) => tensors.map(({ name }) => [name, fileName] as const));
  return JSON.stringify({ metadata: { total_size: totalSize }, weight_map: Object.fromEntries(files.sort()) }, null, 2);
}
