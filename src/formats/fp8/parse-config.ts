import { RequestError, UnsupportedError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { ConfigFields } from "../config-fields.ts";
import type { DeclaredBlock } from "../float8-weight.ts";
import type { Evidence, FormatOverrides } from "../weight-format.ts";

/** What an FP8 checkpoint declares beyond its shapes. */
export interface Fp8Config {
  readonly block: DeclaredBlock;
  /** The file's scales are what weights were multiplied by: `weight_scale_semantics: "inverse"` of GPTQModel. */
  readonly inverseScales: boolean;
  readonly notes: readonly string[];
}

const methods: readonly string[] = ["fp8", "fbgemm_fp8"];

/**
 * What the checkpoint declares, undefined when it is no FP8 checkpoint. Throws UnsupportedError for scales of an unknown meaning,
 * FormatError for a config that makes no sense, RequestError for any override.
 */
export function parseFp8Config(
  { declared, label }: Evidence,
  { checkpointFormat }: FormatOverrides,
): Fp8Config | undefined {
  const fields = new ConfigFields(declared ?? {}, label);
  const method = fields.string("quant_method", "method")?.toLowerCase();
  if (method === undefined || !methods.includes(method)) return undefined;
  if (checkpointFormat !== undefined) {
    throw new RequestError(`${label}: FP8 has no variants to choose; ask for none, not ${quote(checkpointFormat)}`);
  }
  const semantics = fields.string("weight_scale_semantics") ?? "multiply";
  if (semantics !== "inverse" && semantics !== "multiply") {
    throw new UnsupportedError(
      `${label}: declares weight_scale_semantics ${quote(semantics)}; without it scales multiply, with "inverse" they divide`,
    );
  }
  const [rows, columns] = fields.integers(1, 2, "weight_block_size") ?? [];
  return {
    block: { ...(rows !== undefined && { rows }), ...(columns !== undefined && { columns }) },
    inverseScales: semantics === "inverse",
    notes: activationNotes(fields, method),
  };
}

/** GPTQModel declares no activations: its checkpoints quantize weights only. */
function activationNotes(fields: ConfigFields, method: string): readonly string[] {
  const scheme = fields.string("activation_scheme") ?? (method === "fbgemm_fp8" ? "dynamic" : undefined);
  if (scheme === undefined) return [];
  return [
    `asks for quantized activations (8 float ${scheme}); they are computed in the engine's own (--cpu-activations)`,
  ];
}
