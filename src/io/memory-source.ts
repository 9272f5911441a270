import { checkRead, closedError, destination, type ByteSource, type ReadOptions } from "./byte-source.ts";

/** A source over bytes in memory. Keeps `bytes` (no copy): do not change them while the source is in use. */
export function openMemory(bytes: Uint8Array, label = "memory"): ByteSource {
  return new MemorySource(bytes, label);
}

export class MemorySource implements ByteSource {
  readonly size: number;
  readonly label: string;
  #bytes: Uint8Array | undefined;
  readonly #release: (() => void) | undefined;

  /** `release` is called once, by the first close(), after which nothing refers to `bytes` any more. */
  constructor(bytes: Uint8Array, label: string, release?: () => void) {
    this.size = bytes.byteLength;
    this.label = label;
    this.#bytes = bytes;
    this.#release = release;
  }

  async read(offset: number, length: number, options?: ReadOptions): Promise<Uint8Array> {
    checkRead(this, offset, length, options);
    if (this.#bytes === undefined) throw closedError(this.label);
    const found = this.#bytes.subarray(offset, offset + length);
    if (options?.borrow && options.into === undefined) return found;
    const out = destination(length, options?.into, this.label);
    out.set(found);
    return out;
  }

  async close(): Promise<void> {
    if (this.#bytes === undefined) return;
    this.#bytes = undefined;
    this.#release?.();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
