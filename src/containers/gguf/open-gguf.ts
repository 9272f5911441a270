import type { ByteSource } from "../../io/byte-source.ts";
import { FormatError, RequestError } from "../../util/errors.ts";
import { mapConcurrent } from "../../util/map-concurrent.ts";
import { quote } from "../../util/quote.ts";
import type { GgmlType } from "../ggml/ggml-type.ts";
import type { RawTensor } from "../raw-tensor.ts";
import { StoredTensor } from "../stored-tensor.ts";
import { BigEndianTensor } from "./big-endian-tensor.ts";
import { MoreBytesNeeded } from "./header-reader.ts";
import type { Metadata } from "./metadata.ts";
import { parseGgufHeader, type GgufHeader } from "./parse-header.ts";

/** The tensors of one GGUF file, or of all parts of a split one. Nothing is read until asked for. */
export interface GgufFile extends AsyncDisposable {
  readonly label: string;
  /** By name, in the order of their data. */
  readonly tensors: ReadonlyMap<string, RawTensor<GgmlType>>;
  /** Of the first part, which alone has all of it. */
  readonly metadata: Metadata;
  /** Closes the sources; the tensors cannot be read afterwards. */
  close(): Promise<void>;
}

/** The metadata of a small vocabulary; a large one takes one read more. */
const firstReadBytes = 2 ** 20;
/** Four times the header of the largest vocabulary with its merges; parsed, strings take several times their bytes. */
const maxHeaderBytes = 2 ** 26;

const openAtOnce = 4;

/**
 * Opens a GGUF file, or the parts of a split one in any order: reads and checks their headers. Takes the sources: closing the result
 * closes them, and so does an error here. Throws FormatError for malformed files and for parts that do not belong together,
 * UnsupportedError for an unknown version or type, and what ByteSource.read throws.
 */
export async function openGguf(
  sources: readonly ByteSource[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<GgufFile> {
  const close = async (): Promise<void> => {
    await Promise.all(sources.map((source) => source.close()));
  };
  try {
    const parts = await mapConcurrent(sources, openAtOnce, async (source) => ({
      source,
      header: await readHeader(source, options.signal),
    }));
    const { first, ordered } = orderParts(parts);
    const tensors = new Map<string, RawTensor<GgmlType>>();
    for (const { source, header } of ordered) {
      for (const entry of header.entries) {
        if (tensors.has(entry.name)) {
          throw new FormatError(`${source.label}: tensor ${quote(entry.name)} is in another part, too`);
        }
        tensors.set(
          entry.name,
          header.littleEndian ? new StoredTensor(entry, source) : new BigEndianTensor(entry, source),
        );
      }
    }
    const { label } = first.source;
    const total = first.header.metadata.count("split.tensors.count");
    if (sources.length > 1 && total !== undefined && total !== tensors.size) {
      throw new FormatError(`${label}: the parts hold ${tensors.size} tensors, split.tensors.count is ${total}`);
    }
    return { label, tensors, metadata: first.header.metadata, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function readHeader(source: ByteSource, signal: AbortSignal | undefined): Promise<GgufHeader> {
  const { size, label } = source;
  let length = Math.min(size, firstReadBytes);
  for (;;) {
    const bytes = await source.read(0, length, signal && { signal });
    try {
      return parseGgufHeader(bytes, size, label);
    } catch (error) {
      if (!(error instanceof MoreBytesNeeded)) throw error;
      if (error.end > maxHeaderBytes) {
        throw new FormatError(
          `${label}: the header has more than ${maxHeaderBytes} bytes, which are not read, because parsing more could exhaust memory`,
          { cause: error },
        );
      }
      // The header is parsed again from its beginning: growing by four, all tries together cost a third more than the last.
      length = Math.min(size, maxHeaderBytes, Math.max(error.end, 4 * length));
    }
  }
}

interface Part {
  readonly source: ByteSource;
  readonly header: GgufHeader;
}

/** By split.no. A file that says nothing of parts is whole. */
function orderParts(parts: readonly Part[]): { readonly first: Part; readonly ordered: readonly Part[] } {
  const byNumber = new Map<number, Part>();
  for (const part of parts) {
    const { source, header } = part;
    const count = header.metadata.count("split.count") ?? 1;
    const number = header.metadata.count("split.no") ?? 0;
    const expected = Math.max(1, count);
    if (expected !== parts.length) {
      throw new FormatError(
        `${source.label}: belongs to a set of ${expected} parts (split.count), and ${parts.length} are there`,
      );
    }
    if (byNumber.has(number)) throw new FormatError(`${source.label}: a part with split.no ${number} is there twice`);
    byNumber.set(number, part);
  }
  const ordered = [...byNumber].sort(([a], [b]) => a - b).map(([, part]) => part);
  const [first] = ordered;
  if (first === undefined) throw new RequestError("a GGUF file has at least one part");
  if (!byNumber.has(0)) throw new FormatError(`${first.source.label}: the first part (split.no 0) is not there`);
  return { first, ordered };
}
