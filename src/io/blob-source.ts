import { throwIfAborted } from "../util/abort.ts";
import { IoError } from "../util/errors.ts";
import { checkRead, closedError, destination, type ByteSource, type ReadOptions } from "./byte-source.ts";

/** A source over a Blob, or over a File that a user picked in a browser; `label` defaults to the file's name. */
export function openBlob(blob: Blob, label = "name" in blob ? String(blob.name) : "blob"): ByteSource {
  return new BlobSource(blob, label);
}

class BlobSource implements ByteSource {
  readonly size: number;
  readonly label: string;
  #blob: Blob | undefined;

  constructor(blob: Blob, label: string) {
    this.size = blob.size;
    this.label = label;
    this.#blob = blob;
  }

  async read(offset: number, length: number, options?: ReadOptions): Promise<Uint8Array> {
    checkRead(this, offset, length, options);
    const out = destination(length, options?.into, this.label);
    // In steps: arrayBuffer() copies, and a copy of a whole layer would double the peak for no gain in speed.
    const step = 8 * 2 ** 20;
    for (let done = 0; done < length; done += step) {
      const wanted = Math.min(step, length - done);
      const start = offset + done;
      throwIfAborted(options?.signal, this.label);
      const bytes = await this.#bytes(start, start + wanted);
      if (bytes.byteLength !== wanted)
        throw new IoError(`${this.label}: ${wanted} bytes asked for, ${bytes.byteLength} read`);
      out.set(bytes, done);
    }
    return out;
  }

  async #bytes(start: number, end: number): Promise<Uint8Array> {
    if (this.#blob === undefined) throw closedError(this.label);
    try {
      return new Uint8Array(await this.#blob.slice(start, end).arrayBuffer());
    } catch (cause) {
      // A File on disk that was changed or removed after it was picked.
      throw new IoError(`${this.label}: the file can no longer be read; pick it again`, { cause });
    }
  }

  async close(): Promise<void> {
    this.#blob = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
