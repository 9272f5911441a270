import type { Kernel, KernelChoice } from "../../device/kernel-choice.ts";
import { chooseKernel } from "../../device/kernel-choice.ts";
import { describeSummary, type FloatType, type PackedWeight, type WeightSummary } from "../../weights/packed-weight.ts";

/** How a scheme's plain kernels end: linear_plain_*, expert_linear_plain_* and embed_* of native/cuda/linear_plain.cu. */
const plainSuffixes = {
  dense: "dense",
  "affine-zero": "affine",
  "affine-mixed": "mixed",
  block: "block",
  "sparse-24": "sparse24",
  float8: "float8",
  codebook: "codebook",
} as const satisfies Record<PackedWeight["scheme"], string>;

export type PlainKernelName = `linear_plain_${(typeof plainSuffixes)[PackedWeight["scheme"]]}`;
export type LinearKernelName = "linear_affine_mma" | PlainKernelName;

/** What a device brings along for the choice of a kernel. */
export interface LinearDevice {
  readonly dtype: FloatType;
  /** Ten times the major, plus the minor number. */
  readonly capability: number;
}

/** A linear whose parts have the same scheme. */
interface LinearRequest extends LinearDevice {
  readonly parts: readonly WeightSummary[];
}

const recordBits: readonly number[] = [2, 3, 4, 8];

/** Best first. */
const tensorKernels: readonly (Kernel<LinearRequest> & { readonly name: LinearKernelName })[] = [
  {
    name: "linear_affine_mma",
    refuses: ({ parts, dtype, capability }) => {
      const [{ scheme, bits, groupSize = 0, inFeatures, type }] = parts;
      const outFeatures = parts.reduce((sum, part) => sum + part.outFeatures, 0);
      if (scheme !== "affine-zero") return `takes affine-zero, got ${scheme}`;
      if (dtype === "f32") return "takes f16 and bf16 activations, they are f32";
      if (capability < 90) return `needs compute capability 9.0, the device has ${(capability / 10).toFixed(1)}`;
      if (!recordBits.includes(bits)) return `takes ${recordBits.join(", ")} bits, got ${bits}`;
      if (type === "f32") return "takes f16 and bf16 scales, got f32";
      if (groupSize < inFeatures && groupSize !== 32 && groupSize !== 64 && groupSize % 128 !== 0)
        return `takes groups of 32, 64 or a multiple of 128, got groups of ${groupSize}`;
      if (inFeatures % 8 !== 0 || outFeatures % 16 !== 0)
        return `takes inputs in eights and outputs in sixteens, got ${inFeatures} → ${outFeatures}`;
      return undefined;
    },
  },
];

/** Those that take every weight of their scheme, in the file's own bytes, and are exact. A kernel of another scheme says nothing that helps. */
const plainKernel = (scheme: PackedWeight["scheme"]): Kernel<LinearRequest> => ({
  name: `linear_plain_${plainSuffixes[scheme]}`,
  refuses: () => undefined,
});

export function chooseLinearKernel(parts: readonly WeightSummary[], device: LinearDevice): KernelChoice {
  const [{ scheme }] = parts;
  return chooseKernel(
    [...tensorKernels, plainKernel(scheme)],
    { parts, ...device },
    parts.map(describeSummary).join(" + "),
  );
}

/** The kernels that read a weight as linear_plain_* does. */
export function plainKernels(scheme: PackedWeight["scheme"]) {
  const suffix = plainSuffixes[scheme];
  return {
    linear: `linear_plain_${suffix}`,
    expertLinear: `expert_linear_plain_${suffix}`,
    embed: `embed_${suffix}`,
  } as const;
}
