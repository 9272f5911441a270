import { UnsupportedError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";
import type { ConfigFields } from "./config-fields.ts";

const autoRound: ReadonlySet<string> = new Set(["auto-round", "intel/auto-round"]);

/**
 * The method of a quantization config, in lower case; undefined: it names none. AutoRound packs as others do, and its method is that of the
 * packing: of GPTQ (v1, also where no packing is named) or of AWQ. Throws UnsupportedError for its packings that are neither.
 * Source: vllm/model_executor/layers/quantization/auto_round.py, `AutoRoundConfig`.
 */
export function declaredMethod(fields: ConfigFields, label: string): string | undefined {
  const method = fields.string("quant_method", "method")?.toLowerCase();
  if (method === undefined || !autoRound.has(method)) return method;
  const type = fields.string("data_type") ?? "int";
  const packing = fields.string("packing_format", "backend") ?? "auto_round:auto_gptq";
  if (type === "int" && /gptq/i.test(packing)) return "gptq";
  if (type === "int" && /awq/i.test(packing)) return "awq";
  throw new UnsupportedError(
    `${label}: AutoRound packed ${type} as ${quote(packing)}; its integers as auto_round:auto_gptq and auto_round:auto_awq can be read`,
  );
}
