import { describe, expect, test } from "vitest";
import { Random } from "../../../test/conformance/random.ts";
import { floatToHalf } from "../../util/float16.ts";
import { compareWeights } from "../compare-weights.ts";
import type { BlockWeight } from "../packed-weight.ts";
import { blockAffineForm } from "./block-affine-form.ts";
import { blockLayouts, type BlockType } from "./block-type.ts";

/** Where scales and minima are, which must be finite numbers: f16, or f32. */
const floats: Partial<Record<BlockType, readonly number[]>> = {
  ...{ Q1_0: [0], Q2_0: [0], Q4_0: [0], Q4_1: [0, 2], Q5_0: [0], Q5_1: [0, 2], Q8_0: [0], TQ1_0: [52], TQ2_0: [64] },
  ...{ Q3_K: [108], Q6_K: [208], Q5_0_V1: [0], Q5_1_V1: [0, 2] },
};
const wideFloats: Partial<Record<BlockType, readonly number[]>> = {
  ...{ Q4_0_V1: [0], Q4_1_V1: [0, 4], Q4_0_V2: [0], Q4_1_V2: [0, 4], Q8_0_V2: [0] },
};

/** Blocks of any codes; minima are `times` their scale. */
function randomBlocks(type: BlockType, times: number): BlockWeight {
  const random = new Random(3);
  const [inFeatures, outFeatures] = [512, 6];
  const { bytes, values } = blockLayouts[type];
  const blocks = Uint8Array.from({ length: ((inFeatures * outFeatures) / values) * bytes }, () => random.below(256));
  const view = new DataView(blocks.buffer);
  for (let at = 0; at < blocks.byteLength; at += bytes) {
    // Of either sign, and of six bits: which leaves room for a multiple.
    const sign = times === 0 && random.below(2) === 1 ? -1 : 1;
    const scale = sign * (1 + random.below(32) / 32) * 2 ** (random.below(6) - 5);
    for (const [i, place] of (floats[type] ?? []).entries())
      view.setUint16(at + place, floatToHalf(i === 0 ? scale : times * scale), true);
    for (const [i, place] of (wideFloats[type] ?? []).entries())
      view.setFloat32(at + place, i === 0 ? scale : times * scale, true);
  }
  return { scheme: "block", inFeatures, outFeatures, type, blocks };
}

describe("blocks as codes, scales and zero points", () => {
  test.each([...Object.keys(floats), ...Object.keys(wideFloats)] as readonly BlockType[])("%s", (type) => {
    const hasMinimum = type.includes("_1") && !type.startsWith("TQ");
    const weight = randomBlocks(type, hasMinimum ? -3 : 0);
    const form = blockAffineForm(weight);
    if (form === undefined) throw new Error("no form");
    expect(compareWeights(form, weight)).toBeUndefined();
    expect(form.zeros !== undefined).toBe(hasMinimum || /^T?Q2_0$/.test(type));
    expect(form.scaleType).toBe(type === "Q6_K" ? "f32" : "f16"); // the factor's six bits times eight of a sub-block are too many
  });

  test.each(["Q4_1", "Q5_1", "Q4_1_V2"] as const)("%s with a minimum between two multiples has none", (type) => {
    expect(blockAffineForm(randomBlocks(type, -2.5))).toBeUndefined();
    expect(blockAffineForm(randomBlocks(type, 1))).toBeUndefined(); // nor with one above 0
  });

  test.each(["Q4_K", "IQ4_NL", "IQ2_XS"] as const)("%s has none", (type) => {
    expect(blockAffineForm({ ...randomBlocks(type, 0) })).toBeUndefined();
  });

  test("nor have values times a factor", () => {
    expect(blockAffineForm({ ...randomBlocks("Q8_0", 0), factor: 2 })).toBeUndefined();
  });
});
