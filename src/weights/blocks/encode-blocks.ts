import { UnsupportedError } from "../../util/errors.ts";
import type { BlockEncoder } from "./block-encoder.ts";
import { blockLayouts, type BlockType } from "./block-type.ts";
import type { CandidateSearch } from "./candidate-search.ts";
import { affineEncoders } from "./encode-affine.ts";
import { codebookEncoders } from "./encode-codebook.ts";
import { twoLevelEncoders } from "./encode-two-level.ts";

const encoders = { ...affineEncoders, ...twoLevelEncoders, ...codebookEncoders } as const satisfies Partial<
  Record<BlockType, BlockEncoder>
>;

/** The types that values can be rounded to. */
export type WrittenBlockType = keyof typeof encoders;

export const writtenBlockTypes = Object.keys(encoders) as readonly WrittenBlockType[];

/** Values at a time: the candidates of a group of 16 take as many bytes as 64 of its values. */
const chunkValues = 2 ** 18;

/**
 * Values rounded to blocks of a type, with the scales that make the squared error small; the inverse of `readBlocks` for values that are
 * exact in one. Their number must be a multiple of the type's. Throws UnsupportedError for values that are no finite numbers, which no
 * scale has room for.
 */
export async function encodeBlocks(
  type: WrittenBlockType,
  values: Float32Array,
  search: CandidateSearch,
): Promise<Uint8Array> {
  const layout = blockLayouts[type];
  const bytes = new Uint8Array((values.length / layout.values) * layout.bytes);
  for (let start = 0; start < values.length; start += chunkValues) {
    const chunk = values.subarray(start, start + chunkValues);
    if (!areFinite(chunk))
      throw new UnsupportedError(`has a value that is no finite number, for which ${type} has no scale`);
    bytes.set(await encoders[type](chunk, search), (start / layout.values) * layout.bytes);
  }
  return bytes;
}

function areFinite(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}
