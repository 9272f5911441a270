import { affineBlocks } from "./affine-blocks.ts";
import type { BlockReader } from "./block-reader.ts";
import { blockLayouts, type BlockType } from "./block-type.ts";
import { codebookBlocks } from "./codebook-blocks.ts";
import { gridBlocks } from "./grid-blocks.ts";
import { twoLevelBlocks } from "./two-level-blocks.ts";

const readers: Readonly<Record<BlockType, BlockReader>> = {
  ...affineBlocks,
  ...twoLevelBlocks,
  ...codebookBlocks,
  ...gridBlocks,
};

/** The values of whole blocks, in f32, as the formulas of ggml's `dequantize_row_*` give them, signs of zero included. */
export function readBlocks(type: BlockType, bytes: Uint8Array): Float32Array {
  const layout = blockLayouts[type];
  const count = Math.floor(bytes.byteLength / layout.bytes);
  const values = new Float32Array(count * layout.values);
  const read = readers[type];
  for (let block = 0; block < count; block++) read(bytes, block * layout.bytes, values, block * layout.values);
  return values;
}
