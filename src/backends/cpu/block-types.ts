import { blockLayouts, type BlockType } from "../../weights/blocks/block-type.ts";

/** Inputs that the tiles of native/cpu hold together: FB_BLOCK of native/cpu. */
export const blockInputs = 32;

/** FB_Q1_0 and so on of native/cpu/fewbit_cpu.h, which has them in the order of `blockLayouts`. */
export function blockTypeCode(type: BlockType): number {
  return Object.keys(blockLayouts).indexOf(type);
}

/** Inputs whose 8-bit activations share a scale: as many as share a scale of the weight, in a block of the tiles. */
export function blockSpan(type: BlockType): number {
  return Math.min(blockLayouts[type].groupSize, blockInputs);
}
