import { throwIfAborted } from "../util/abort.ts";
import { FormatError, IoError, OutOfMemoryError, RequestError } from "../util/errors.ts";

export interface ReadOptions {
  /** Where to put the bytes; at least `length` long. The result is then `into.subarray(0, length)`. Absent: new memory. */
  readonly into?: Uint8Array;
  /**
   * Lets a source that holds its bytes in memory (a mapped file, a memory source) return a view of them instead of a
   * copy. Such a view is read-only by agreement and must not be touched after close(). Others ignore it; `into` wins.
   */
  readonly borrow?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * A file, a URL, a Blob or plain memory: bytes of known size that can be read at any offset.
 *
 * - A read returns exactly `length` bytes or throws: FormatError when the range does not lie in [0, size] or when the
 *   bytes end early (a file cut short while open), IoError when disk or network fail, AbortedError, OutOfMemoryError.
 *   The range is checked before anything is allocated.
 * - The returned bytes belong to the caller, who may keep and change them (but see `borrow`). A read that failed may
 *   have written to part of `into`; nothing is written to `into` after its promise has settled.
 * - Reads may run concurrently and finish in any order.
 * - Whoever closes sees to it that no read matters any more: one under way may finish or fail, a later one throws
 *   IoError. Closing twice is harmless.
 */
export interface ByteSource extends AsyncDisposable {
  /** In bytes; does not change while the source is open. */
  readonly size: number;
  /** Path, URL or description, for messages. Carries no secrets. */
  readonly label: string;
  read(offset: number, length: number, options?: ReadOptions): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** What every implementation does first: refuses a range outside of the source and an `into` that is too small. */
export function checkRead(
  source: { readonly size: number; readonly label: string },
  offset: number,
  length: number,
  options?: ReadOptions,
): void {
  const { size, label } = source;
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
    throw new FormatError(`${label}: cannot read ${length} bytes at ${offset}: not a range of bytes`);
  }
  if (length > size - offset) {
    throw new FormatError(
      `${label}: needs ${length} bytes at offset ${offset}, but the file ends at ${size}; it is truncated or damaged`,
    );
  }
  if (options?.into !== undefined && options.into.byteLength < length) {
    throw new RequestError(`${label}: read of ${length} bytes into a buffer of ${options.into.byteLength}`);
  }
  throwIfAborted(options?.signal, label);
}

/** `length` bytes of `into`, or of new memory (8-byte aligned, so that typed views need no copy). */
export function destination(length: number, into: Uint8Array | undefined, label: string): Uint8Array {
  if (into !== undefined) return into.subarray(0, length);
  try {
    return new Uint8Array(length);
  } catch (cause) {
    // RangeError: V8 could not allocate, or the length is beyond what one array may hold (4 GiB in Node 20).
    throw new OutOfMemoryError(`${label}: cannot allocate ${length} bytes to read into`, { cause });
  }
}

export function closedError(label: string): IoError {
  return new IoError(`${label}: read after the source was closed`);
}
