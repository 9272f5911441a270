import type { ActivationType, HeadType, WeightUse } from "../../device/backend.ts";
import { chooseKernel, type Kernel, type KernelChoice } from "../../device/kernel-choice.ts";
import { describeSummary, type WeightSummary } from "../../weights/packed-weight.ts";
import { blockInputs } from "./block-types.ts";

export type LinearKernelName =
  | "linear_affine_int8"
  | "linear_affine_f32"
  | "linear_mixed_int8"
  | "linear_mixed_f32"
  | "linear_blocks_int8"
  | "linear_blocks_f32"
  | "linear_coded_f32"
  | "linear_rounded_int8"
  | "linear_dense_f32";

/** A linear whose parts have the same scheme, and how its input may be taken. */
export interface LinearRequest {
  readonly parts: readonly WeightSummary[];
  readonly activations: ActivationType;
  /** What it is for, and how a dense head is to be taken. */
  readonly use: WeightUse;
  readonly headType: HeadType;
}

/** Best first. The names say how the input is taken: in 8 bits per span of a group, or in f32. */
const linearKernels: readonly (Kernel<LinearRequest> & { readonly name: LinearKernelName })[] = [
  {
    name: "linear_affine_int8",
    refuses: ({ parts, activations }) => {
      if (activations !== "int8") return `takes activations as int8, they are to be ${activations}`;
      const [{ scheme, groupSize = 0, inFeatures }] = parts;
      return isAffine(scheme) ? refusesGroups(groupSize, inFeatures) : refusalOf(scheme);
    },
  },
  {
    name: "linear_affine_f32",
    refuses: ({ parts: [{ scheme }] }) => (isAffine(scheme) ? undefined : refusalOf(scheme)),
  },
  {
    name: "linear_mixed_int8",
    refuses: ({ parts: [{ scheme, groupSize = 0, inFeatures }], activations }) => {
      if (activations !== "int8") return `takes activations as int8, they are to be ${activations}`;
      return scheme === "affine-mixed" ? refusesGroups(groupSize, inFeatures) : `takes affine-mixed, got ${scheme}`;
    },
  },
  {
    name: "linear_mixed_f32",
    refuses: ({ parts: [{ scheme }] }) => (scheme === "affine-mixed" ? undefined : `takes affine-mixed, got ${scheme}`),
  },
  {
    name: "linear_blocks_int8",
    refuses: ({ parts: [{ scheme }], activations }) => {
      if (activations !== "int8") return `takes activations as int8, they are to be ${activations}`;
      return scheme === "block" ? undefined : `takes blocks, got ${scheme}`;
    },
  },
  {
    name: "linear_blocks_f32",
    refuses: ({ parts: [{ scheme }] }) => (scheme === "block" ? undefined : `takes blocks, got ${scheme}`),
  },
  {
    name: "linear_coded_f32",
    refuses: ({ parts: [{ scheme, groupSize = 0 }] }) => {
      if (scheme !== "float8" && scheme !== "codebook") return `takes float8 and codebook, got ${scheme}`;
      if (scheme === "codebook" && groupSize % 2 !== 0)
        return `takes even groups of 4-bit codes, got groups of ${groupSize}`;
      return undefined;
    },
  },
  {
    name: "linear_rounded_int8",
    refuses: ({ parts, use, headType }) => {
      const [{ scheme, inFeatures }] = parts;
      if (scheme !== "dense") return `takes dense, got ${scheme}`;
      if (use !== "head") return "takes heads, whose values it rounds to 8 bits";
      if (headType !== "int8") return "rounds values to 8 bits, they are to be kept";
      if (inFeatures % blockInputs !== 0) return `takes a multiple of ${blockInputs} inputs, got ${inFeatures}`;
      return undefined;
    },
  },
  {
    name: "linear_dense_f32",
    refuses: ({ parts: [{ scheme }] }) => (scheme === "dense" ? undefined : `takes dense, got ${scheme}`),
  },
];

/** A 2:4 weight lies in affine tiles of its own bytes; in registers what it drops gets the code that stands for 0. */
function isAffine(scheme: WeightSummary["scheme"]): boolean {
  return scheme === "affine-zero" || scheme === "sparse-24";
}

function refusalOf(scheme: WeightSummary["scheme"]): string {
  return `takes affine-zero and sparse-24, got ${scheme}`;
}

function refusesGroups(groupSize: number, inFeatures: number): string | undefined {
  if (groupSize >= inFeatures || groupSize % blockInputs === 0) return undefined;
  return `takes groups of a multiple of ${blockInputs}, or one group, got groups of ${groupSize}`;
}

export function chooseLinearKernel(request: LinearRequest): KernelChoice {
  return chooseKernel(linearKernels, request, request.parts.map(describeSummary).join(" + "));
}

/** Inputs that share a scale where dense values are rounded: so many that scales hardly count, so few that one outlier spoils little. */
export function roundedGroupSize(inFeatures: number): number {
  return [128, 96, 64].find((size) => inFeatures % size === 0) ?? blockInputs;
}

/**
 * Inputs whose 8-bit activations share a scale: the group where it is at most 128, else its largest divisor among 128, 96, 64 and 32.
 * Without groups it is 128.
 */
export function activationSpan(groupSize: number, inFeatures: number): number {
  if (groupSize >= inFeatures) return 128;
  if (groupSize <= 128) return groupSize;
  return [128, 96, 64].find((span) => groupSize % span === 0) ?? blockInputs;
}
