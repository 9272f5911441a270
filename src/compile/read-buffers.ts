import { OutOfMemoryError } from "../util/errors.ts";
import type { ReadMemory } from "./weight-source.ts";

/** Buffers that go round while a model loads: layers are alike, so that those of one layer fit the next. */
export class ReadBuffers {
  readonly #free: Uint8Array[] = [];

  /** Memory for one projection. */
  borrow(): BorrowedBuffers {
    return new BorrowedBuffers(this.#free);
  }
}

class BorrowedBuffers implements ReadMemory {
  readonly #free: Uint8Array[];
  #taken: Uint8Array[] = [];

  constructor(free: Uint8Array[]) {
    this.#free = free;
  }

  take(byteLength: number): Uint8Array {
    // One far larger than needed would be missed by whoever needs it.
    const fitting = this.#free.findIndex(
      (buffer) => buffer.byteLength >= byteLength && buffer.byteLength <= 2 * byteLength,
    );
    const buffer = fitting < 0 ? allocate(byteLength) : this.#free.splice(fitting, 1)[0];
    this.#taken.push(buffer);
    return buffer;
  }

  /** For the next projection; not to be called while anybody still reads the bytes. */
  giveBack(): void {
    this.#free.push(...this.#taken);
    this.#taken = [];
  }
}

function allocate(byteLength: number): Uint8Array {
  try {
    return new Uint8Array(byteLength);
  } catch (cause) {
    throw new OutOfMemoryError(`${byteLength} bytes to read a weight into cannot be allocated`, { cause });
  }
}
