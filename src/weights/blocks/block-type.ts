/**
 * Blocks: runs of weights of one output feature, with all that decodes them side by side, as ggml packs them. A type's arithmetic is
 * - `affine`: (code - zero) * scale, or code * scale + min, one scale a block;
 * - `two-level`: the same in sub-blocks, whose scales (and minima) are small integers times a factor of the block;
 * - `codebook`: table[code] * scale, the table fixed by the type;
 * - `grid`: a code picks a row of 4 or 8 magnitudes from a fixed table; signs are apart.
 * docs/layouts.md draws the bytes of each.
 */
export interface BlockLayout {
  readonly arithmetic: "affine" | "two-level" | "codebook" | "grid";
  /** Weights of a block. */
  readonly values: number;
  /** Bytes of a block. */
  readonly bytes: number;
  /** Of one weight's code; of a grid's, the bits of a row's code and signs over its weights, rounded. */
  readonly bits: 1 | 2 | 3 | 4 | 5 | 6 | 8;
  /** Weights that share the innermost scale. */
  readonly groupSize: number;
}

export const blockLayouts = {
  Q1_0: { arithmetic: "affine", values: 128, bytes: 18, bits: 1, groupSize: 128 },
  Q2_0: { arithmetic: "affine", values: 64, bytes: 18, bits: 2, groupSize: 64 },
  Q4_0: { arithmetic: "affine", values: 32, bytes: 18, bits: 4, groupSize: 32 },
  Q4_1: { arithmetic: "affine", values: 32, bytes: 20, bits: 4, groupSize: 32 },
  Q5_0: { arithmetic: "affine", values: 32, bytes: 22, bits: 5, groupSize: 32 },
  Q5_1: { arithmetic: "affine", values: 32, bytes: 24, bits: 5, groupSize: 32 },
  Q8_0: { arithmetic: "affine", values: 32, bytes: 34, bits: 8, groupSize: 32 },
  TQ1_0: { arithmetic: "affine", values: 256, bytes: 54, bits: 2, groupSize: 256 },
  TQ2_0: { arithmetic: "affine", values: 256, bytes: 66, bits: 2, groupSize: 256 },
  Q2_K: { arithmetic: "two-level", values: 256, bytes: 84, bits: 2, groupSize: 16 },
  Q3_K: { arithmetic: "two-level", values: 256, bytes: 110, bits: 3, groupSize: 16 },
  Q4_K: { arithmetic: "two-level", values: 256, bytes: 144, bits: 4, groupSize: 32 },
  Q5_K: { arithmetic: "two-level", values: 256, bytes: 176, bits: 5, groupSize: 32 },
  Q6_K: { arithmetic: "two-level", values: 256, bytes: 210, bits: 6, groupSize: 16 },
  IQ4_NL: { arithmetic: "codebook", values: 32, bytes: 18, bits: 4, groupSize: 32 },
  IQ4_XS: { arithmetic: "codebook", values: 256, bytes: 136, bits: 4, groupSize: 32 },
  MXFP4: { arithmetic: "codebook", values: 32, bytes: 17, bits: 4, groupSize: 32 },
  NVFP4: { arithmetic: "codebook", values: 64, bytes: 36, bits: 4, groupSize: 16 },
  IQ1_S: { arithmetic: "grid", values: 256, bytes: 50, bits: 1, groupSize: 32 },
  IQ1_M: { arithmetic: "grid", values: 256, bytes: 56, bits: 1, groupSize: 16 },
  IQ2_XXS: { arithmetic: "grid", values: 256, bytes: 66, bits: 2, groupSize: 32 },
  IQ2_XS: { arithmetic: "grid", values: 256, bytes: 74, bits: 2, groupSize: 16 },
  IQ2_S: { arithmetic: "grid", values: 256, bytes: 82, bits: 2, groupSize: 16 },
  IQ3_XXS: { arithmetic: "grid", values: 256, bytes: 98, bits: 3, groupSize: 32 },
  IQ3_S: { arithmetic: "grid", values: 256, bytes: 110, bits: 3, groupSize: 32 },
  // As ggml had them until May 2023 (V1), and for a week of it (V2); its V2 of Q5_0 and Q5_1 is today's.
  Q4_0_V1: { arithmetic: "affine", values: 32, bytes: 20, bits: 4, groupSize: 32 },
  Q4_1_V1: { arithmetic: "affine", values: 32, bytes: 24, bits: 4, groupSize: 32 },
  Q5_0_V1: { arithmetic: "affine", values: 32, bytes: 22, bits: 5, groupSize: 32 },
  Q5_1_V1: { arithmetic: "affine", values: 32, bytes: 24, bits: 5, groupSize: 32 },
  Q4_0_V2: { arithmetic: "affine", values: 32, bytes: 20, bits: 4, groupSize: 32 },
  Q4_1_V2: { arithmetic: "affine", values: 32, bytes: 24, bits: 4, groupSize: 32 },
  Q8_0_V2: { arithmetic: "affine", values: 32, bytes: 36, bits: 8, groupSize: 32 },
} as const satisfies Record<string, BlockLayout>;

export type BlockType = keyof typeof blockLayouts;

export function isBlockType(name: string): name is BlockType {
  return Object.hasOwn(blockLayouts, name);
}
