import { RequestError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { ConfigFields } from "../config-fields.ts";
import type { Evidence, FormatOverrides } from "../weight-format.ts";

/** Everything else that a bitsandbytes config has is told by the tensors, each with its own state. */
export interface BitsAndBytesConfig {
  readonly notes: readonly string[];
}

/** Undefined when the config declares no bitsandbytes. Throws RequestError for any override. */
export function parseBitsAndBytesConfig(
  { declared, label }: Evidence,
  { checkpointFormat }: FormatOverrides,
): BitsAndBytesConfig | undefined {
  const fields = new ConfigFields(declared ?? {}, label);
  const method = fields.string("quant_method")?.toLowerCase();
  // Configs written before quant_method existed have only the flags.
  const isFlagged = fields.boolean("load_in_4bit") === true || fields.boolean("load_in_8bit") === true;
  if (method !== "bitsandbytes" && (method !== undefined || !isFlagged)) return undefined;
  if (checkpointFormat !== undefined) {
    throw new RequestError(
      `${label}: the tensors of bitsandbytes tell their variant; ask for none, not ${quote(checkpointFormat)}`,
    );
  }
  const isInt8 = fields.boolean("load_in_8bit") === true;
  return {
    notes: isInt8
      ? ["asks for quantized activations (LLM.int8); they are computed in the engine's own (--cpu-activations)"]
      : [],
  };
}
