import type { ByteSource } from "../../io/byte-source.ts";
import type { RawTensor } from "../raw-tensor.ts";
import { StoredTensor } from "../stored-tensor.ts";
import { headerLength, lengthBytes, parseHeader } from "./parse-header.ts";

/** The tensors of one safetensors file, or of several that make up one checkpoint. Nothing is read until asked for. */
export interface SafetensorsFile extends AsyncDisposable {
  readonly label: string;
  /** By name, in the order of their data. */
  readonly tensors: ReadonlyMap<string, RawTensor>;
  /** Free-form text, such as `format: "pt"`. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Closes the sources; the tensors cannot be read afterwards. */
  close(): Promise<void>;
}

/** Enough for the header of a one-file model, so that a remote file opens in one request. */
const firstReadBytes = 128 * 1024;

/**
 * Opens a safetensors file: reads and checks its header. Takes the source: closing the result closes it, and so does an
 * error here. Throws FormatError for a malformed file, and what ByteSource.read throws.
 */
export async function openSafetensors(
  source: ByteSource,
  options: { readonly signal?: AbortSignal } = {},
): Promise<SafetensorsFile> {
  try {
    const { size, label } = source;
    const first = await source.read(0, Math.min(size, firstReadBytes), options);
    const length = headerLength(first, size, label);
    const end = lengthBytes + length;
    const json =
      end <= first.byteLength ? first.subarray(lengthBytes, end) : await source.read(lengthBytes, length, options);
    const { entries, metadata } = parseHeader(json, size, label);
    const tensors = new Map(entries.map((entry) => [entry.name, new StoredTensor(entry, source)]));
    const close = (): Promise<void> => source.close();
    return { label, tensors, metadata, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await source.close();
    throw error;
  }
}
