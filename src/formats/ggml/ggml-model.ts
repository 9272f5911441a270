import type { Rows } from "../../containers/tensor-slice.ts";
import type { JsonObject } from "../../util/json.ts";

/** A file of ggml in the words of the model that it holds. */
export interface GgmlModel {
  /** As a config.json would have it. */
  readonly config: JsonObject;
  /** As WeightSource has it. */
  readonly hasNormsPlusOne?: boolean;
  /** The tensor, without ".weight" or ".bias", that holds a module of the model; undefined: the file has no name for it. */
  nameOf(module: string): string | undefined;
  /** As nameOf, for an expert's matrix that lies in a stack of all of them. Absent: files of this kind have none. */
  readonly expertOf?: (module: string) => { readonly stack: string; readonly index: number } | undefined;
  /** As nameOf, for q, k or v where one tensor holds the rows of all three. Absent: files of this kind have no such tensors. */
  readonly sharedRowsOf?: (module: string) => SharedRows | undefined;
  /** How many heads the rows of a module belong to, where they are in the order of rotated pairs (pair-rows.ts); undefined: they are not. */
  pairedHeads(module: string): number | undefined;
}

export interface SharedRows extends Rows {
  readonly tensor: string;
}

/** The heads of q and k, whose rows some files have in the order of rotated pairs. */
export function headsOf(module: string, config: JsonObject): number | undefined {
  const key = module.endsWith(".self_attn.q_proj")
    ? "num_attention_heads"
    : module.endsWith(".self_attn.k_proj")
      ? "num_key_value_heads"
      : undefined;
  const heads = key && config[key];
  return typeof heads === "number" ? heads : undefined;
}
