import type { ActivationType } from "../../src/device/backend.ts";
import type { PackedWeight } from "../../src/weights/packed-weight.ts";

interface Tolerance {
  /** Largest normalised error (squared distance over squared length). */
  readonly nmse: number;
  /** Of a gated linear, where that differs: it is a product of two sums, whose relative errors add up. */
  readonly gatedNmse?: number;
  readonly why: string;
}

/** f32 sums of some thousand products in another order: a few units of 2^-24, squared. */
export const f32Tolerance: Tolerance = { nmse: 1e-11, why: "f32 sums in another order than the oracle's f64" };

const quantizedTolerances = {
  f32: f32Tolerance,
  int8: {
    nmse: 2e-4,
    gatedNmse: 8e-4, // twice the error, squared; 5.8e-4 was seen
    why: "127 steps to the largest of a group of normal numbers, some 3 deviations: errors of 3 / 127 / √12 deviations, squared 5e-5",
  },
};

/** Of a linear, by the scheme of its weight and how it takes its input. */
export const linearTolerances: Readonly<Record<PackedWeight["scheme"], Readonly<Record<ActivationType, Tolerance>>>> = {
  dense: {
    f32: f32Tolerance,
    int8: { ...f32Tolerance, why: "dense weights are multiplied in f32 whatever the activations are" },
  },
  "affine-zero": quantizedTolerances,
  "affine-mixed": quantizedTolerances,
  "sparse-24": quantizedTolerances,
  block: quantizedTolerances,
  float8: {
    f32: f32Tolerance,
    int8: { ...f32Tolerance, why: "8-bit floats are multiplied in f32 whatever the activations are" },
  },
  codebook: {
    f32: f32Tolerance,
    int8: { ...f32Tolerance, why: "codebooks are multiplied in f32 whatever the activations are" },
  },
};

/** Of a dense head that is rounded to 8 bits with its input: the error of int8 activations twice. */
export const roundedHeadTolerance: Tolerance = {
  nmse: 2e-4,
  why: "127 steps to the largest of 32 to 128 numbers on both sides",
};

/** Of an embedding that a rounded head is tied to. */
export const roundedTableTolerance: Tolerance = { nmse: 1e-4, why: "127 steps to the largest of 32 to 128 numbers" };

/** Of attention over keys and values kept in int8. */
export const int8CacheTolerance: Tolerance = {
  nmse: 2e-4,
  why: "127 steps to the largest of 32 normal numbers, some 2 deviations: errors of 2 / 127 / √12 deviations, squared 2e-5, by scores and by values",
};

/** Of attention over keys and values kept in f16: 11 bits, squared. */
export const f16CacheTolerance: Tolerance = { nmse: 1e-6, why: "keys and values rounded to 11 bits" };

/** Of an op over activations of 16 bits. */
export const halfTolerances: Readonly<Record<"f16" | "bf16", Tolerance>> = {
  f16: { nmse: 2e-6, why: "what goes in, weights of attention and what comes out are rounded to 11 bits" },
  bf16: { nmse: 4e-5, why: "the same with 8 bits" },
};
