import { isBlockType } from "../../weights/blocks/block-type.ts";
import { writtenBlockTypes, type WrittenBlockType } from "../../weights/blocks/encode-blocks.ts";
import type { FloatType } from "../../weights/packed-weight.ts";

/** What weights are written as in GGUF. */
export type GgufType = keyof typeof floatTypes | WrittenBlockType;

const floatTypes = { F32: "f32", F16: "f16", BF16: "bf16" } as const satisfies Record<string, FloatType>;

export const ggufTypes: readonly GgufType[] = ["F32", "F16", "BF16", ...writtenBlockTypes];

export function isGgufType(name: string): name is GgufType {
  return (ggufTypes as readonly string[]).includes(name);
}

/** The floats of a type; undefined: it is one of blocks. */
export function floatsOf(type: GgufType): FloatType | undefined {
  return isBlockType(type) ? undefined : floatTypes[type];
}

/** The GGUF type of floats. */
export function typeOfFloats(type: FloatType): GgufType {
  return type === "f32" ? "F32" : type === "f16" ? "F16" : "BF16";
}

/** `general.file_type`: what most of the weights are; llama.cpp shows it. Source: `enum llama_ftype` of llama.h. */
export const fileTypes: Readonly<Partial<Record<GgufType, number>>> = {
  F32: 0,
  F16: 1,
  Q4_0: 2,
  Q4_1: 3,
  Q8_0: 7,
  Q5_0: 8,
  Q5_1: 9,
  Q2_K: 10,
  Q3_K: 12,
  Q4_K: 15,
  Q5_K: 17,
  Q6_K: 18,
  IQ4_NL: 25,
  BF16: 32,
  TQ1_0: 36,
  TQ2_0: 37,
  MXFP4: 38,
};
