import { ggmlTypes, type GgmlType, type GgmlTypeLayout } from "./ggml-type.ts";

/** Why dimensions make no tensor of a type, or how many bytes it has. `shape` has the row length last. */
export function ggmlByteLength(type: GgmlType, shape: readonly number[]): number | { readonly problem: string } {
  const { values, bytes } = ggmlTypes[type];
  const row = shape.at(-1) ?? 1;
  if (row % values !== 0)
    return { problem: `rows of ${row} values are no whole number of ${type} blocks of ${values}` };
  let blocks = row / values;
  for (const dimension of shape.slice(0, -1)) blocks *= dimension;
  const total = blocks * bytes;
  // A product beyond 2^53 stays beyond it whatever is multiplied later, zeros excepted, and these are refused before.
  return Number.isSafeInteger(total)
    ? total
    : { problem: `dimensions [${shape.join(", ")}] make more than 2^53 bytes` };
}

/** Turns the blocks of a big-endian file around, in place. `bytes` begins with a block. */
export function swapBlocks({ bytes: blockBytes, words = [] }: GgmlTypeLayout, bytes: Uint8Array): void {
  for (let block = 0; block + blockBytes <= bytes.byteLength; block += blockBytes) {
    for (const { offset, width, count } of words) {
      for (let i = 0; i < count; i++) {
        const start = block + offset + i * width;
        bytes.subarray(start, start + width).reverse();
      }
    }
  }
}
