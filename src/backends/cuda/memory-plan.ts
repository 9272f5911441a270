import { bytesOf } from "../../util/bytes.ts";

/** Where loads of 16 bytes, and copies by the device itself, may begin. */
const alignment = 256;

/** Lays out one piece of memory before there is any. */
export class MemoryPlan {
  readonly #contents: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  #end = 0;

  /** Never 0: nothing can be allocated of nothing. */
  get byteLength(): number {
    return Math.max(this.#end, alignment);
  }

  /** What goes into it; the rest is for whoever runs. */
  get contents(): readonly { readonly at: number; readonly bytes: Uint8Array }[] {
    return this.#contents;
  }

  /** The offset of a piece. */
  reserve(bytes: number): number {
    const at = this.#end;
    this.#end = at + Math.ceil(bytes / alignment) * alignment;
    return at;
  }

  put(values: ArrayBufferView): number {
    const bytes = bytesOf(values);
    const at = this.reserve(bytes.length);
    this.#contents.push({ at, bytes });
    return at;
  }
}
