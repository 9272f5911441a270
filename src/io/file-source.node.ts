import { constants, open, type FileHandle } from "node:fs/promises";
import { throwIfAborted } from "../util/abort.ts";
import { FormatError, IoError } from "../util/errors.ts";
import { mapConcurrent } from "../util/map-concurrent.ts";
import { checkRead, closedError, destination, type ByteSource, type ReadOptions } from "./byte-source.ts";
import { MemorySource } from "./memory-source.ts";

/** A file mapped into memory by the host; Node itself cannot map files. `unmap` is called once, by close(). */
export interface MappedFile {
  readonly bytes: Uint8Array;
  unmap(): void;
}

export interface OpenFileOptions {
  /**
   * Maps the file instead of reading it. Off unless asked for: when somebody truncates a mapped file, the next touch of
   * a lost page kills the process, where a read gives an error. Reads with `borrow` then copy nothing.
   */
  readonly map?: (path: string) => Promise<MappedFile>;
}

/**
 * Large reads are cut into pieces of this size, several in flight: libuv has four threads for file reads by default,
 * and one of them alone does not saturate an NVMe disk, nor a copy out of the page cache.
 */
const pieceBytes = 8 * 2 ** 20;
const piecesInFlight = 4;

/**
 * Opens a regular file for positioned reads. Throws IoError when it cannot be opened, or is a directory, pipe or device.
 * A file that others shorten while it is open makes reads beyond its new end throw FormatError.
 */
export async function openFile(path: string, options: OpenFileOptions = {}): Promise<ByteSource> {
  if (options.map !== undefined) {
    const mapped = await options.map(path);
    return new MemorySource(mapped.bytes, path, () => mapped.unmap());
  }
  // O_NONBLOCK changes nothing for a file, and keeps open() from waiting forever for the writer of a named pipe.
  const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
  let handle: FileHandle;
  try {
    handle = await open(path, flags);
  } catch (cause) {
    throw ioError(path, "cannot be opened", cause);
  }
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new IoError(`${path}: is a ${stats.isDirectory() ? "folder" : "device"}, not a file`);
    return new FileSource(handle, path, stats.size);
  } catch (error) {
    await handle.close();
    throw error instanceof IoError ? error : ioError(path, "cannot be read", error);
  }
}

class FileSource implements ByteSource {
  readonly size: number;
  readonly label: string;
  readonly #handle: FileHandle;
  #closing: Promise<void> | undefined;

  constructor(handle: FileHandle, label: string, size: number) {
    this.size = size;
    this.label = label;
    this.#handle = handle;
  }

  async read(offset: number, length: number, options?: ReadOptions): Promise<Uint8Array> {
    checkRead(this, offset, length, options);
    const out = destination(length, options?.into, this.label);
    if (length <= pieceBytes) {
      await this.#readPiece(out, offset, options?.signal);
    } else {
      const starts = Array.from({ length: Math.ceil(length / pieceBytes) }, (_, i) => i * pieceBytes);
      await mapConcurrent(starts, piecesInFlight, (start) =>
        this.#readPiece(out.subarray(start, start + pieceBytes), offset + start, options?.signal),
      );
    }
    return out;
  }

  /** Fills `out` from `offset`; the operating system may deliver fewer bytes than asked for, so until it is full. */
  async #readPiece(out: Uint8Array, offset: number, signal: AbortSignal | undefined): Promise<void> {
    let done = 0;
    while (done < out.byteLength) {
      throwIfAborted(signal, this.label);
      if (this.#closing !== undefined) throw closedError(this.label);
      const count = await this.#handle.read(out, done, out.byteLength - done, offset + done).then(
        ({ bytesRead }) => bytesRead,
        (cause: unknown) => {
          throw ioError(this.label, "cannot be read", cause);
        },
      );
      if (count === 0) {
        throw new FormatError(
          `${this.label}: nothing is left at byte ${offset + done}; it had ${this.size} bytes when it was opened and was cut short meanwhile`,
        );
      }
      done += count;
    }
  }

  close(): Promise<void> {
    // FileHandle.close() itself waits for the operations under way.
    this.#closing ??= this.#handle.close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of the path is not a folder",
  EMFILE: "too many open files; raise the limit (ulimit -n)",
};

function ioError(path: string, what: string, cause: unknown): IoError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : undefined;
  const reason =
    (code !== undefined ? reasons[code] : undefined) ?? (cause instanceof Error ? cause.message : String(cause));
  return new IoError(`${path}: ${what}: ${reason}`, { cause });
}
