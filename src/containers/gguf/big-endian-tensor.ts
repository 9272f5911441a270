import { swapBlocks } from "../ggml/block-bytes.ts";
import { ggmlTypes, type GgmlType } from "../ggml/ggml-type.ts";
import type { TensorReadOptions } from "../raw-tensor.ts";
import { StoredTensor } from "../stored-tensor.ts";

/** A tensor of a big-endian file, turned around as it is read; a part of it must consist of whole blocks. */
export class BigEndianTensor extends StoredTensor<GgmlType> {
  override async read(options: TensorReadOptions = {}): Promise<Uint8Array> {
    const layout = ggmlTypes[this.dtype];
    const { start = 0, end = this.byteLength } = options;
    if (start % layout.bytes !== 0 || end % layout.bytes !== 0) throw this.badRange(start, end);
    // In place: never in memory that the source lends.
    const bytes = await super.read({ ...options, borrow: false });
    swapBlocks(layout, bytes);
    return bytes;
  }
}
