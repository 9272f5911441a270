import type { PreparedWeight } from "../../device/backend.ts";
import { RequestError } from "../../util/errors.ts";
import type { LinearKernelName } from "./linear-kernels.ts";
import type { NativeLibrary, Pointer } from "./native-library.node.ts";

export interface CpuWeightShape {
  readonly inFeatures: number;
  readonly outFeatures: number;
}

/** A weight in the library's memory, or a dense one in the file's own bytes, which this object keeps alive. */
export class CpuWeight implements PreparedWeight {
  readonly kernel: LinearKernelName;
  readonly byteLength: number;
  readonly keepsBytes: boolean;
  readonly shape: CpuWeightShape;
  /** The device that prepared it. */
  readonly owner: object;
  readonly #library: NativeLibrary;
  #pointer: Pointer;
  /** The file's bytes that the library reads in place; held so that they stay. */
  borrowed: Uint8Array | undefined;

  constructor(
    owner: object,
    library: NativeLibrary,
    kernel: LinearKernelName,
    shape: CpuWeightShape,
    pointer: Pointer,
    borrowed?: Uint8Array,
  ) {
    this.owner = owner;
    this.#library = library;
    this.kernel = kernel;
    this.shape = shape;
    this.#pointer = pointer;
    this.borrowed = borrowed;
    this.keepsBytes = borrowed !== undefined;
    this.byteLength = library.weightBytes(pointer);
  }

  /** Throws RequestError after disposal. */
  get pointer(): Pointer {
    if (this.#pointer === 0n) throw new RequestError("load: a weight was disposed of before");
    return this.#pointer;
  }

  [Symbol.dispose](): void {
    if (this.#pointer === 0n) return;
    this.#library.weightFree(this.#pointer);
    this.#pointer = 0n;
    this.borrowed = undefined;
  }
}
