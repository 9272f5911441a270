/**
 * The element types of GGUF and of the containers before it. A tensor is rows of blocks: a block holds `values` weights that follow each
 * other in a row, in `bytes` bytes. Types of one value a block are plain numbers.
 * Source: ggml/src/ggml-common.h (the structs and their static asserts) and ggml/include/ggml.h (`enum ggml_type`) of llama.cpp; for the
 * types of versions 1 and 2, llama.cpp before its pull requests 1405 and 1508.
 */
export interface GgmlTypeLayout {
  readonly values: number;
  readonly bytes: number;
  /**
   * The numbers of more than one byte in a block, as runs of equal width: what a big-endian file has swapped. Absent: no writer of
   * big-endian files knows the type, and readings of its parts differ.
   */
  readonly words?: readonly Words[];
}

export interface Words {
  readonly offset: number;
  readonly width: 2 | 4 | 8;
  readonly count: number;
}

const halves = (offset: number, count: number): Words => ({ offset, width: 2, count });
const plain = (bytes: 1 | 2 | 4 | 8): GgmlTypeLayout => ({
  values: 1,
  bytes,
  words: bytes === 1 ? [] : [{ offset: 0, width: bytes, count: 1 }],
});

export const ggmlTypes = {
  F32: plain(4),
  F16: plain(2),
  BF16: plain(2),
  F64: plain(8),
  I8: plain(1),
  I16: plain(2),
  I32: plain(4),
  I64: plain(8),
  Q4_0: { values: 32, bytes: 18, words: [halves(0, 1)] },
  Q4_1: { values: 32, bytes: 20, words: [halves(0, 2)] },
  Q5_0: { values: 32, bytes: 22, words: [halves(0, 1), { offset: 2, width: 4, count: 1 }] },
  Q5_1: { values: 32, bytes: 24, words: [halves(0, 2), { offset: 4, width: 4, count: 1 }] },
  Q8_0: { values: 32, bytes: 34, words: [halves(0, 1)] },
  Q2_K: { values: 256, bytes: 84, words: [halves(80, 2)] },
  Q3_K: { values: 256, bytes: 110, words: [halves(108, 1)] },
  Q4_K: { values: 256, bytes: 144, words: [halves(0, 2)] },
  Q5_K: { values: 256, bytes: 176, words: [halves(0, 2)] },
  Q6_K: { values: 256, bytes: 210, words: [halves(208, 1)] },
  IQ2_XXS: { values: 256, bytes: 66 },
  IQ2_XS: { values: 256, bytes: 74 },
  IQ2_S: { values: 256, bytes: 82 },
  IQ3_XXS: { values: 256, bytes: 98 },
  IQ3_S: { values: 256, bytes: 110 },
  IQ1_S: { values: 256, bytes: 50 },
  IQ1_M: { values: 256, bytes: 56 },
  IQ4_NL: { values: 32, bytes: 18, words: [halves(0, 1)] },
  IQ4_XS: { values: 256, bytes: 136, words: [halves(0, 2)] },
  TQ1_0: { values: 256, bytes: 54, words: [halves(52, 1)] },
  TQ2_0: { values: 256, bytes: 66, words: [halves(64, 1)] },
  MXFP4: { values: 32, bytes: 17, words: [] },
  NVFP4: { values: 64, bytes: 36, words: [] },
  Q1_0: { values: 128, bytes: 18, words: [halves(0, 1)] },
  Q2_0: { values: 64, bytes: 18, words: [halves(0, 1)] },
  // Before May 2023 the same ids stood for other blocks. V1: an f32 scale, and neighbours share a byte; V2: an f32 scale.
  Q4_0_V1: { values: 32, bytes: 20 },
  Q4_1_V1: { values: 32, bytes: 24 },
  Q5_0_V1: { values: 32, bytes: 22 },
  Q5_1_V1: { values: 32, bytes: 24 },
  Q4_0_V2: { values: 32, bytes: 20 },
  Q4_1_V2: { values: 32, bytes: 24 },
  Q8_0_V2: { values: 32, bytes: 36 },
} as const satisfies Record<string, GgmlTypeLayout>;

export type GgmlType = keyof typeof ggmlTypes;

const ids: Readonly<Record<number, GgmlType>> = {
  0: "F32",
  1: "F16",
  2: "Q4_0",
  3: "Q4_1",
  6: "Q5_0",
  7: "Q5_1",
  8: "Q8_0",
  10: "Q2_K",
  11: "Q3_K",
  12: "Q4_K",
  13: "Q5_K",
  14: "Q6_K",
  16: "IQ2_XXS",
  17: "IQ2_XS",
  18: "IQ3_XXS",
  19: "IQ1_S",
  20: "IQ4_NL",
  21: "IQ3_S",
  22: "IQ2_S",
  23: "IQ4_XS",
  24: "I8",
  25: "I16",
  26: "I32",
  27: "I64",
  28: "F64",
  29: "IQ1_M",
  30: "BF16",
  34: "TQ1_0",
  35: "TQ2_0",
  39: "MXFP4",
  40: "NVFP4",
  41: "Q1_0",
  42: "Q2_0",
};

/** Ids that no file should hold: types of activations, and weights repacked for one machine, which llama.cpp has given up. */
const refused: Readonly<Record<number, string>> = {
  4: "Q4_2, given up in 2023",
  5: "Q4_3, given up in 2023",
  9: "Q8_1, a type of activations",
  15: "Q8_K, a type of activations",
  31: "Q4_0_4_4, repacked for one kind of processor",
  32: "Q4_0_4_8, repacked for one kind of processor",
  33: "Q4_0_8_8, repacked for one kind of processor",
  36: "IQ4_NL_4_4, repacked for one kind of processor",
  37: "IQ4_NL_4_8, repacked for one kind of processor",
  38: "IQ4_NL_8_8, repacked for one kind of processor",
};

/** The type of an id in a file of today; undefined: there is none, and `whyNoGgmlType` says why. */
export function ggmlTypeOf(id: number): GgmlType | undefined {
  return Object.hasOwn(ids, id) ? ids[id] : undefined;
}

/** Completes "tensor X has the type …". */
export function whyNoGgmlType(id: number): string {
  return Object.hasOwn(refused, id) ? `${id} (${refused[id]}), which cannot be read` : `${id}, which is none of ggml's`;
}

/** The id that a file has for a type; undefined for the types of versions 1 and 2. */
export function ggmlTypeId(type: GgmlType): number | undefined {
  const entry = Object.entries(ids).find(([, name]) => name === type);
  return entry && Number(entry[0]);
}
