import { blockLayouts, type BlockType } from "../../weights/blocks/block-type.ts";
import type { GridName } from "../../weights/blocks/grid-data.ts";
import { gridTable } from "../../weights/blocks/grid.ts";

/** Inputs that the tiles of native/cpu hold together. */
const blockInputs = 32;

/** FB_Q1_0 and so on of native/cpu/fewbit_cpu.h, which has them in the order of `blockLayouts`. */
export function blockTypeCode(type: BlockType): number {
  return Object.keys(blockLayouts).indexOf(type);
}

/** Inputs whose 8-bit activations share a scale: as many as share a scale of the weight, in a block of the tiles. */
export function blockSpan(type: BlockType): number {
  return Math.min(blockLayouts[type].groupSize, blockInputs);
}

const gridNames: Partial<Record<BlockType, GridName>> = {
  IQ1_S: "iq1s",
  IQ1_M: "iq1s",
  IQ2_XXS: "iq2xxs",
  IQ2_XS: "iq2xs",
  IQ2_S: "iq2s",
  IQ3_XXS: "iq3xxs",
  IQ3_S: "iq3s",
};

/** The grid that the type's codes are rows of, [row][lane]; undefined: it has none. */
export function blockGrid(type: BlockType): Int8Array | undefined {
  const name = gridNames[type];
  return name && Int8Array.from(gridTable(name));
}
