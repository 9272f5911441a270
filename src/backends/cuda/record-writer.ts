import { bytesOf } from "../../util/bytes.ts";

/** An address in a device's memory; 0n is none. */
export type DevicePointer = bigint;

/** A View of native/cuda/params.h: columns of a buffer in a device's memory. */
export interface DeviceView {
  readonly base: DevicePointer;
  /** Elements from one row to the next. */
  readonly stride: number;
  /** FloatType of params.h. */
  readonly type: number;
}

export const noDeviceView: DeviceView = { base: 0n, stride: 0, type: 0 };

/** Writes a structure of native/cuda/params.h member by member, each at its natural alignment. */
export class RecordWriter {
  readonly #view: DataView<ArrayBuffer>;
  #at = 0;

  /** `size`: what sizeof says of the structure. */
  constructor(size: number) {
    this.#view = new DataView(new ArrayBuffer(size));
  }

  pointer(address: DevicePointer = 0n): this {
    this.#view.setBigUint64(this.#place(8), address, true);
    return this;
  }

  int(...values: readonly number[]): this {
    for (const value of values) this.#view.setInt32(this.#place(4), value, true);
    return this;
  }

  float(value: number): this {
    this.#view.setFloat32(this.#place(4), value, true);
    return this;
  }

  view({ base, stride, type }: DeviceView = noDeviceView): this {
    return this.pointer(base).int(stride, type);
  }

  /** Throws where the members written do not make up the structure: that is a bug of the caller. */
  bytes(): Uint8Array {
    if (this.#at !== this.#view.byteLength)
      throw new RangeError(`a record of ${this.#view.byteLength} bytes was written up to byte ${this.#at}`);
    return bytesOf(this.#view);
  }

  #place(size: number): number {
    const at = Math.ceil(this.#at / size) * size;
    this.#at = at + size;
    return at;
  }
}
