import type { BlockType } from "./block-type.ts";
import type { GridName } from "./grid-data.ts";
import { gridTable } from "./grid.ts";

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
export function blockGrid(type: BlockType): Float32Array | undefined {
  const name = gridNames[type];
  return name && gridTable(name);
}
