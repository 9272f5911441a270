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
export type LinearKernelName = PlainKernelName;

/** A linear whose parts have the same scheme. */
interface LinearRequest {
  readonly parts: readonly WeightSummary[];
  readonly dtype: FloatType;
}

const schemes = Object.keys(plainSuffixes) as readonly PackedWeight["scheme"][];

/** Best first. The plain ones take every weight of their scheme, in the file's own bytes, and are exact. */
const linearKernels: readonly (Kernel<LinearRequest> & { readonly name: LinearKernelName })[] = schemes.map(
  (scheme) => ({
    name: `linear_plain_${plainSuffixes[scheme]}`,
    refuses: ({ parts }) => {
      const other = parts.find((part) => part.scheme !== scheme);
      return other && `takes ${scheme}, got ${other.scheme}`;
    },
  }),
);

/** Throws UnsupportedError with every reason where none takes it. */
export function chooseLinearKernel(parts: readonly WeightSummary[], dtype: FloatType): KernelChoice {
  // A kernel of another scheme says nothing that helps.
  const candidates = linearKernels.filter(
    ({ name }) => !name.startsWith("linear_plain_") || name.endsWith(`_${plainSuffixes[parts[0].scheme]}`),
  );
  return chooseKernel(candidates, { parts, dtype }, parts.map(describeSummary).join(" + "));
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
