import { floatToHalf } from "../../src/util/float16.ts";
import { blockLayouts, type BlockType } from "../../src/weights/blocks/block-type.ts";
import type { BlockWeight } from "../../src/weights/packed-weight.ts";
import type { Random } from "./random.ts";
import type { Shape } from "./random-weight.ts";

export const blockTypes = Object.keys(blockLayouts) as readonly BlockType[];

/** Bytes at which a block's f16 factors lie, of types that have them elsewhere than at 0 (and 2, for a minimum). */
const halvesAt: Partial<Record<BlockType, readonly number[]>> = {
  TQ1_0: [52],
  TQ2_0: [64],
  Q2_K: [80, 82],
  Q3_K: [108],
  Q6_K: [208],
};
const withMinimum: readonly BlockType[] = ["Q4_1", "Q5_1", "Q4_K", "Q5_K", "Q5_1_V1", "Q4_1_V1", "Q4_1_V2"];
const withFloats: readonly BlockType[] = ["Q4_0_V1", "Q4_1_V1", "Q4_0_V2", "Q4_1_V2", "Q8_0_V2"];

/** Random bytes, in which what are factors are numbers between -2 and 2. */
export function randomBlocks(random: Random, type: BlockType, { inFeatures, outFeatures }: Shape): BlockWeight {
  const { values, bytes } = blockLayouts[type];
  const blocks = Uint8Array.from({ length: outFeatures * (inFeatures / values) * bytes }, () => random.below(256));
  for (let at = 0; at < blocks.length; at += bytes) putFactors(random, type, new DataView(blocks.buffer, at, bytes));
  return { scheme: "block", inFeatures, outFeatures, type, blocks };
}

function putFactors(random: Random, type: BlockType, block: DataView): void {
  const factor = (): number => 4 * random.uniform() - 2;
  switch (type) {
    case "MXFP4":
      block.setUint8(0, 120 + random.below(8));
      return;
    case "NVFP4":
      return; // every byte is a number
    case "IQ1_M": {
      const half = floatToHalf(factor());
      for (let i = 0; i < 4; i++)
        block.setUint8(49 + 2 * i, (block.getUint8(49 + 2 * i) & 15) | (((half >> (4 * i)) & 15) << 4));
      return;
    }
    default:
      if (withFloats.includes(type)) {
        block.setFloat32(0, factor(), true);
        if (withMinimum.includes(type)) block.setFloat32(4, factor(), true);
      } else
        for (const at of halvesAt[type] ?? (withMinimum.includes(type) ? [0, 2] : [0]))
          block.setUint16(at, floatToHalf(factor()), true);
  }
}
