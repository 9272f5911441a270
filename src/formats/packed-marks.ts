import type { Evidence } from "./weight-format.ts";

/**
 * Ends of names that only tensors of packed formats have. They keep `dense` from taking such a checkpoint, and name what
 * nothing could read; a format that reads its own recognises it without them.
 */
const suffixes: readonly (readonly [suffix: string, format: string])[] = [
  [".qweight", "GPTQ or AWQ"],
  [".trellis", "EXL3"],
  [".B_24", "Marlin 2:4"],
  [".B", "Marlin"],
  [".weight_packed", "compressed-tensors"],
  [".weight_scale_inv", "FP8"],
  [".weight_scale", "FP8 or compressed-tensors"],
  [".weight.absmax", "bitsandbytes 4-bit"],
  [".SCB", "bitsandbytes int8"],
  ["_blocks", "MXFP4"],
  [".W_q", "HQQ"],
];

/** The first tensor that shows a packed format, whether or not it can be read; undefined: the checkpoint is dense. */
export function findPackedMark({
  tensors,
}: Evidence): { readonly tensor: string; readonly format: string } | undefined {
  for (const tensor of tensors.keys()) {
    const found = suffixes.find(([suffix]) => tensor.endsWith(suffix));
    if (found) return { tensor, format: found[1] };
  }
  return undefined;
}
